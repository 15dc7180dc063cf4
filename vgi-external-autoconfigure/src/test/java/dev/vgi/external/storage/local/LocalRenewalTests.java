package dev.vgi.external.storage.local;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.ObjectGoneException;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of a {@link LocalStorage} that signs its objects again: how long they stay, and
 * whose room they take.
 */
class LocalRenewalTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private final SteppedClock clock = new SteppedClock();

	@TempDir
	private Path directory;

	private LocalStorage storage;

	@BeforeEach
	void create() {
		this.storage = open();
	}

	private LocalStorage open() {
		return new LocalStorage(
				new LocalStorageSettings(this.directory, false, Duration.ofHours(1), Duration.ofMinutes(15),
						Duration.ofMinutes(70), 10_000, 10_000),
				() -> URI.create("https://example.com"), () -> "alice", this.clock);
	}

	private URI upload(int size) {
		return this.storage.upload(BytesPayload.random(size, 1), SCHEMA, null);
	}

	private String key(URI url) {
		return Objects.requireNonNull(this.storage.renewableKey(url));
	}

	@Test
	void objectStaysForTheRetentionAfterItsLastLink() throws Exception {
		String key = key(upload(1000));
		URI link = null;
		for (int i = 0; i < 5; i++) {
			this.clock.step(Duration.ofMinutes(69));
			assertThat(this.storage.sweep()).isZero();
			link = this.storage.signAgain(key);
			assertThat(this.storage.expiresAt(link))
				.isEqualTo(Instant.ofEpochSecond(this.clock.instant().plus(Duration.ofHours(1)).getEpochSecond()));
			try (StoredObject object = this.storage.open(link)) {
				assertThat(object.length()).isEqualTo(1000);
			}
		}
		this.clock.step(Duration.ofMinutes(69));
		assertThat(this.storage.sweep()).isZero();
		this.clock.step(Duration.ofMinutes(1));
		assertThat(this.storage.sweep()).isOne();
		assertThat(this.storage.storedBytes()).isZero();
		assertThatExceptionOfType(ObjectGoneException.class).isThrownBy(() -> this.storage.signAgain(key));
	}

	@Test
	void restartAndOtherProcessesKnowHowLongItStays() {
		String key = key(upload(1000));
		this.clock.step(Duration.ofMinutes(69));
		this.storage.signAgain(key);
		this.clock.step(Duration.ofMinutes(69));
		LocalStorage other = open();
		assertThat(other.storedBytes()).isEqualTo(1000);
		other.signAgain(key);
		this.clock.step(Duration.ofMinutes(69));
		assertThat(this.storage.sweep()).isZero();
	}

	@Test
	void fullStoreKeepsWhatWasSignedAgainWhileItsLinksWork() {
		URI first = upload(4000);
		upload(4000);
		this.clock.step(Duration.ofMinutes(59));
		URI link = this.storage.signAgain(key(first));
		assertThat(this.storage.storedBytes()).isEqualTo(8000);
		this.clock.step(Duration.ofMinutes(1));
		upload(4000);
		this.clock.step(Duration.ofMinutes(58));
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> upload(4000));
		this.storage.open(link);
		this.clock.step(Duration.ofMinutes(1));
		upload(4000);
		assertThatExceptionOfType(ObjectGoneException.class).isThrownBy(() -> this.storage.signAgain(key(first)));
	}

	@Test
	void linkToAnUploadEndsWithItsRightToStay() throws Exception {
		UploadUrl pair = this.storage.generateUploadUrl(SCHEMA);
		SignedKey put = Objects.requireNonNull(SignedKey.of(pair.uploadUrl()));
		this.storage.receive(put.key(), Long.toString(put.expires()), put.signature(),
				new ByteArrayInputStream(new byte[2000]), 2000, null);
		this.clock.step(Duration.ofMinutes(14));
		URI link = this.storage.signAgain(put.key());
		assertThat(this.storage.expiresAt(link))
			.isEqualTo(Instant.ofEpochSecond(this.clock.instant().plus(Duration.ofMinutes(15)).getEpochSecond()));
		this.clock.step(Duration.ofMinutes(14));
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> upload(9000));
		try (StoredObject object = this.storage.open(link)) {
			assertThat(object.length()).isEqualTo(2000);
		}
		this.clock.step(Duration.ofMinutes(1));
		upload(9000);
		assertThatExceptionOfType(ObjectGoneException.class).isThrownBy(() -> this.storage.signAgain(put.key()));
	}

	@Test
	void clockThatGoesBackShortensNothing() throws IOException {
		URI url = upload(1000);
		Path file = this.directory.resolve(key(url));
		FileTime later = FileTime.from(this.clock.instant().plus(Duration.ofMinutes(30)));
		Files.setLastModifiedTime(file, later);
		this.storage.signAgain(key(url));
		assertThat(Files.getLastModifiedTime(file)).isEqualTo(later);
	}

	@Test
	void linkOfAFileElsewhereIsNotSigned() throws IOException {
		Path elsewhere = Files.createFile(this.directory.resolveSibling("elsewhere-" + System.nanoTime()));
		String key = "0".repeat(31) + "1.arrow";
		Files.createSymbolicLink(this.directory.resolve(key), elsewhere);
		FileTime before = FileTime.from(Instant.EPOCH);
		Files.setLastModifiedTime(elsewhere, before);
		try {
			assertThatExceptionOfType(ObjectGoneException.class).isThrownBy(() -> this.storage.signAgain(key));
			assertThat(Files.getLastModifiedTime(elsewhere)).isEqualTo(before);
		}
		finally {
			Files.delete(elsewhere);
		}
	}

}
