package dev.vgi.external.autoconfigure;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.UnsafeFolderException;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests of a start with a local folder as storage, and of what its failure tells.
 */
class LocalStorageStartTests {

	@TempDir
	private Path temp;

	private final String temporaryFolder = Objects.requireNonNull(System.getProperty("java.io.tmpdir"));

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(VgiLocalStorageAutoConfiguration.class))
		// The build sets a folder there.
		.withInitializer((context) -> context.getEnvironment()
			.getPropertySources()
			.remove(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME))
		.withPropertyValues("vgi.external.local.base-url=http://localhost");

	@AfterEach
	void tearDown() {
		System.setProperty("java.io.tmpdir", this.temporaryFolder);
		RequestContextHolder.resetRequestAttributes();
	}

	@Test
	@DisabledOnOs(value = OS.WINDOWS, disabledReason = "no POSIX permissions")
	void whenAnotherUserMayHavePreparedTheDefaultFolderTheStartFails() throws Exception {
		System.setProperty("java.io.tmpdir", this.temp.toString());
		Path folder = Files.createDirectory(this.temp.resolve("vgi-external-" + System.getProperty("user.name")));
		Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwx---"));
		assertFailsNaming(folder, "Set 'vgi.external.local.directory'");
		Files.delete(folder);
		Files.createSymbolicLink(folder, Files.createDirectory(this.temp.resolve("elsewhere")));
		assertFailsNaming(folder, "Set 'vgi.external.local.directory'");
		Files.delete(folder);
		this.runner.run((context) -> assertThat(context).hasSingleBean(LocalStorage.class));
		assertThat(Files.getPosixFilePermissions(folder)).isEqualTo(PosixFilePermissions.fromString("rwx------"));
	}

	@Test
	@DisabledOnOs(value = OS.WINDOWS, disabledReason = "no POSIX permissions")
	void whenOthersMayReadTheKeyTheStartFails() throws Exception {
		ApplicationContextRunner configured = this.runner
			.withPropertyValues("vgi.external.local.directory=" + this.temp);
		configured.run((context) -> assertThat(context).hasNotFailed());
		Path key = this.temp.resolve(".signing-key");
		Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r--r--"));
		configured.run((context) -> assertAnalysis(context.getStartupFailure(), key, "Delete the file"));
	}

	private void assertFailsNaming(Path path, String action) {
		this.runner.run((context) -> assertAnalysis(context.getStartupFailure(), path, action));
	}

	private static void assertAnalysis(@Nullable Throwable failure, Path path, String action) {
		assertThat(failure).hasRootCauseInstanceOf(UnsafeFolderException.class);
		FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(Objects.requireNonNull(failure));
		assertThat(analysis).isNotNull();
		assertThat(analysis.getDescription()).contains(path.toString());
		assertThat(analysis.getAction()).contains(action);
	}

	@Test
	void uploadUrlsBelongToThePrincipalOrElseTheAddress() {
		this.runner.withPropertyValues("vgi.external.local.directory=" + this.temp).run((context) -> {
			UploadUrlProvider storage = context.getBean(UploadUrlProvider.class);
			String address = uploader(storage, "192.0.2.1", null);
			assertThat(uploader(storage, "192.0.2.1", null)).isEqualTo(address);
			assertThat(uploader(storage, "192.0.2.2", null)).isNotEqualTo(address);
			String principal = uploader(storage, "192.0.2.1", "alice");
			assertThat(uploader(storage, "192.0.2.2", "alice")).isEqualTo(principal).isNotEqualTo(address);
			assertThat(uploader(storage, "192.0.2.9", "192.0.2.1")).isNotEqualTo(address);
		});
	}

	private static String uploader(UploadUrlProvider storage, String address, @Nullable String principal) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.setRemoteAddr(address);
		if (principal != null) {
			request.setUserPrincipal(() -> principal);
		}
		RequestContextHolder.setRequestAttributes(new ServletRequestAttributes(request));
		String path = storage.generateUploadUrl(new Schema(List.of())).uploadUrl().getPath();
		return path.substring(path.lastIndexOf('/') + 1).substring(0, 8);
	}

}
