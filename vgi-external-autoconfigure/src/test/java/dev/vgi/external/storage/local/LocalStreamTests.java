package dev.vgi.external.storage.local;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.StreamedPayload;
import dev.vgi.external.upload.StreamedUpload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for a {@link LocalStorage} and streams whose length is unknown.
 */
class LocalStreamTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private static final int MIB = 1 << 20;

	private final SteppedClock clock = new SteppedClock();

	@TempDir
	private Path directory;

	private LocalStorage storage;

	@BeforeEach
	void create() {
		this.storage = new LocalStorage(new LocalStorageSettings(this.directory, false, Duration.ofHours(1),
				Duration.ofMinutes(15), Duration.ofMinutes(70), 4 * MIB, MIB), () -> URI.create("https://example.com"),
				this.clock);
	}

	@Test
	void whenTheFolderIsFullInTheMiddleNothingRemains() throws Exception {
		SlabPool slabs = new SlabPool(0, Duration.ofHours(1));
		TransferBudget budget = new TransferBudget(MIB, 0);
		try (StreamedPayload stream = new StreamedPayload(null, slabs, budget, Duration.ofSeconds(30),
				TransferTrace.none())) {
			assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> StreamedUpload.run(stream,
					(payload) -> this.storage.upload(payload, SCHEMA, null), (channel) -> {
						while (true) {
							channel.write(ByteBuffer.allocate(100_000));
						}
					}))
				.withMessageContaining("'vgi.external.local.max-total-size'");
			assertThat(stream.takenLength()).isEqualTo(5 * MIB);
		}
		assertThat(slabs.leasedSlabs()).isZero();
		assertThat(budget.inUse()).isZero();
		assertThat(files()).isZero();
		assertThat(this.storage.refusedObjects()).isOne();
		assertThat(this.storage.upload(BytesPayload.random(4 * MIB - 100, 1), SCHEMA, null)).isNotNull();
	}

	@Test
	void takesRoomAsBytesArrive() throws Exception {
		URI url = this.storage.upload(new ScriptedStream((channel) -> {
			channel.write(ByteBuffer.allocate(MIB));
			// What is not yet there leaves room for others, what is there does not.
			this.storage.upload(BytesPayload.random(2 * MIB - 100, 1), SCHEMA, null);
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> this.storage.upload(BytesPayload.random(MIB + 101, 1), SCHEMA, null));
			channel.write(ByteBuffer.allocate(MIB));
		}), SCHEMA, null);
		try (StoredObject object = this.storage.open(url)) {
			assertThat(object.length()).isEqualTo(2 * MIB);
		}
		assertThat(this.storage.storedBytes()).isEqualTo(4 * MIB - 100);
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(101, 1), SCHEMA, null));
	}

	@Test
	void linkWorksFromTheEndOfTheStreamOn() throws Exception {
		URI url = this.storage.upload(new ScriptedStream((channel) -> {
			channel.write(ByteBuffer.allocate(10));
			this.clock.step(Duration.ofHours(2));
		}), SCHEMA, null);
		assertThat(this.storage.expiresAt(url)).isEqualTo("2026-01-01T03:00:00Z");
		assertThat(this.storage.sweep()).isZero();
		this.clock.step(Duration.ofMinutes(59));
		try (StoredObject object = this.storage.open(url)) {
			assertThat(object.length()).isEqualTo(10);
		}
	}

	private long files() throws IOException {
		try (Stream<Path> files = Files.list(this.directory)) {
			return files.filter((file) -> !file.endsWith(UrlSigner.KEY_FILE)).count();
		}
	}

	/**
	 * Writes what the test says.
	 *
	 * @param script writes the bytes
	 */
	private record ScriptedStream(ObjectFolder.Writer script) implements Payload {

		@Override
		public long maxLength() {
			return UNKNOWN_LENGTH;
		}

		@Override
		public @Nullable Part next(int size) {
			throw new UnsupportedOperationException();
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			this.script.writeTo(channel);
		}

	}

}
