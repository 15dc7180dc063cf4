package dev.vgi.external.storage.local;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;
import java.util.stream.Stream;

import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transport.StorageUnavailableException;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Tests of what other users of the machine can do about a local store's folder.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "no POSIX permissions")
@ExtendWith(OutputCaptureExtension.class)
class StoreDirectoryTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private final SteppedClock clock = new SteppedClock();

	@TempDir
	private Path temp;

	private LocalStorage create(Path folder, boolean ofOneUser) {
		LocalStorageSettings defaults = LocalStorageSettings.of(folder);
		return new LocalStorage(
				new LocalStorageSettings(folder, ofOneUser, defaults.urlExpiry(), defaults.uploadUrlExpiry(),
						defaults.retention(), defaults.maxTotalSize(), defaults.maxUploadSize()),
				() -> URI.create("http://localhost"), this.clock);
	}

	private Path folder(String permissions) throws IOException {
		Path folder = Files.createDirectory(this.temp.resolve("objects"));
		return Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(permissions));
	}

	private static String permissions(Path file) throws IOException {
		return PosixFilePermissions.toString(Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS));
	}

	private static void receive(LocalStorage storage, URI url, ByteArrayInputStream body, int length) {
		String[] query = url.getQuery().split("[=&]");
		storage.receive(url.getPath().replaceAll(".*/", ""), query[1], query[3], body, length, null);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void everythingIsTheOwnersAloneFromItsCreationOn(boolean ofOneUser) throws Exception {
		Path folder = this.temp.resolve("new/objects");
		LocalStorage storage = create(folder, ofOneUser);
		assertThat(permissions(folder)).isEqualTo("rwx------");
		UploadUrl pair = storage.generateUploadUrl(SCHEMA);
		receive(storage, pair.uploadUrl(), new ByteArrayInputStream(new byte[10]) {

			@Override
			public synchronized int read(byte[] buffer, int offset, int length) {
				// While it arrives, too.
				assertOwnersAlone(folder, 2);
				return super.read(buffer, offset, length);
			}

		}, 10);
		storage.upload(BytesPayload.random(10, 1), SCHEMA, "zstd");
		assertOwnersAlone(folder, 3);
	}

	private static void assertOwnersAlone(Path folder, int count) {
		try (Stream<Path> files = Files.list(folder)) {
			assertThat(files.toList()).hasSize(count)
				.allSatisfy((file) -> assertThat(permissions(file)).as(file.toString()).isEqualTo("rw-------"));
		}
		catch (IOException ex) {
			throw new AssertionError(ex);
		}
	}

	@ParameterizedTest
	@CsvSource({ "rwxrwxrwx, true", "rwx---rwx, true", "rwxrwx---, true", "rwxrwxrwx, false", "rwx----w-, false" })
	void folderThatOthersMayWriteToIsNotUsed(String permissions, boolean ofOneUser) throws Exception {
		Path folder = folder(permissions);
		assertThatExceptionOfType(UnsafeFolderException.class).isThrownBy(() -> create(folder, ofOneUser))
			.withMessageContaining(folder.toString())
			.satisfies((ex) -> assertThat(ex.path()).isEqualTo(folder))
			.satisfies((ex) -> assertThat(ex.remedy()).contains("'vgi.external.local.directory'"));
		assertThat(folder).isEmptyDirectory();
	}

	@ParameterizedTest
	@CsvSource({ "rwx------, true", "rwxr-xr-x, true", "rwx------, false", "rwxr-xr-x, false" })
	void folderThatOthersMayOnlyReadIsUsed(String permissions, boolean ofOneUser, CapturedOutput output)
			throws Exception {
		create(folder(permissions), ofOneUser).upload(BytesPayload.random(10, 1), SCHEMA, null);
		assertThat(output).doesNotContain("is shared");
	}

	@Test
	void configuredFolderOfAGroupIsUsedAndSaid(CapturedOutput output) throws Exception {
		LocalStorage storage = create(folder("rwxrwx---"), false);
		storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		assertThat(output).containsOnlyOnce("is shared: its group may remove and replace stored objects");
	}

	@Test
	void onlyAConfiguredFolderMayBeALink() throws Exception {
		Path folder = folder("rwx------");
		Path link = Files.createSymbolicLink(this.temp.resolve("link"), folder);
		assertThatExceptionOfType(UnsafeFolderException.class).isThrownBy(() -> create(link, true))
			.withMessageContaining(link.toString())
			.withMessageContaining("is a link");
		assertThat(folder).isEmptyDirectory();
		LocalStorage storage = create(link, false);
		// Later it leads elsewhere.
		Files.delete(link);
		Path elsewhere = Files.createDirectory(this.temp.resolve("elsewhere"));
		Files.createSymbolicLink(link, elsewhere);
		storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		assertThat(elsewhere).isEmptyDirectory();
		assertThat(folder).isNotEmptyDirectory();
	}

	@ParameterizedTest
	@CsvSource({ "777, false", "1777, true", "775, true" })
	void folderOfOneUserNeedsAParentThatProtectsIt(String mode, boolean used) throws Exception {
		Path parent = Files.createDirectory(this.temp.resolve("parent"));
		Files.setAttribute(parent, "unix:mode", Integer.parseInt(mode, 8));
		Path folder = parent.resolve("objects");
		if (used) {
			create(folder, true);
		}
		else {
			assertThatExceptionOfType(UnsafeFolderException.class).isThrownBy(() -> create(folder, true))
				.withMessageContaining(folder.toString());
		}
	}

	@Test
	void folderOfOneUserHasToBeOurs() throws Exception {
		Path folder = folder("rwxr-xr-x");
		giveAway(folder);
		assertThatExceptionOfType(UnsafeFolderException.class).isThrownBy(() -> create(folder, true))
			.withMessageContaining("belongs to the user");
		create(folder, false);
	}

	@Test
	void keyHasToBeOurs() throws Exception {
		Path folder = folder("rwx------");
		create(folder, false);
		Path key = folder.resolve(UrlSigner.KEY_FILE);
		giveAway(key);
		assertThatExceptionOfType(UnsafeFolderException.class).isThrownBy(() -> create(folder, false))
			.withMessageContaining(key.toString())
			.withMessageContaining("belongs to the user");
	}

	private static void giveAway(Path file) throws IOException {
		assumeTrue(System.getProperty("user.name").equals("root"), "only root may give files away");
		UserPrincipal nobody = FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName("nobody");
		Files.setOwner(file, nobody);
	}

	@ParameterizedTest
	@CsvSource({ "rw-r-----, rwx------, false", "rw----r--, rwx------, false", "rw-r--r--, rwxrwx---, false",
			"rw-rw----, rwxrwx---, true", "r--------, rwx------, true" })
	void keyThatOthersMayReadEndsTheStart(String permissions, String ofFolder, boolean used) throws Exception {
		Path folder = folder(ofFolder);
		create(folder, false);
		Path key = folder.resolve(UrlSigner.KEY_FILE);
		Files.setPosixFilePermissions(key, PosixFilePermissions.fromString(permissions));
		if (used) {
			create(folder, false);
		}
		else {
			assertThatExceptionOfType(UnsafeFolderException.class).isThrownBy(() -> create(folder, false))
				.withMessageContaining(key.toString())
				.satisfies((ex) -> assertThat(ex.remedy()).contains("Delete the file"));
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void folderThatSomethingRemovedIsMadeAgain(boolean ofOneUser) throws Exception {
		Path folder = this.temp.resolve("objects");
		LocalStorage storage = create(folder, ofOneUser);
		UploadUrl vended = storage.generateUploadUrl(SCHEMA);
		storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		remove(folder);
		URI url = storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		assertThat(permissions(folder)).isEqualTo("rwx------");
		remove(folder);
		receive(storage, vended.uploadUrl(), new ByteArrayInputStream(new byte[10]), 10);
		storage.open(vended.downloadUrl()).close();
		remove(folder);
		assertThat(storage.sweep()).isZero();
		storage.verifyReachable();
		// Whoever starts later signs with the same key.
		assertOwnersAlone(folder, 1);
		assertThat(create(folder, ofOneUser).isOwn(url)).isTrue();
	}

	@Test
	void keyThatSomethingRemovedIsWrittenAgain() throws Exception {
		Path folder = this.temp.resolve("objects");
		LocalStorage storage = create(folder, true);
		URI url = storage.upload(BytesPayload.random(10, 1), SCHEMA, null);
		Files.delete(folder.resolve(UrlSigner.KEY_FILE));
		storage.sweep();
		assertThat(create(folder, true).isOwn(url)).isTrue();
	}

	@Test
	void folderThatSomebodyElsePutInItsPlaceIsNotUsed() throws Exception {
		LocalStorage storage = create(this.temp.resolve("objects"), true);
		remove(this.temp.resolve("objects"));
		Path planted = folder("rwxrwxrwx");
		// Callers see this message.
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> storage.upload(BytesPayload.random(10, 1), SCHEMA, null))
			.withMessageContaining("'vgi.external.local.directory'")
			.withMessageNotContaining(planted.toString());
		assertThat(planted).isEmptyDirectory();
	}

	private static void remove(Path folder) throws IOException {
		try (Stream<Path> files = Files.list(folder)) {
			for (Path file : files.toList()) {
				Files.delete(file);
			}
		}
		Files.delete(folder);
	}

}
