package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadPoolExecutor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.util.ReflectionUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Which threads transfers run on, by JDK and setting.
 */
class TransferThreadsTests {

	@TempDir
	private Path folder;

	@Test
	void platformThreadsByDefault() {
		assertThat(threadOfTransfers(false)).satisfies((thread) -> {
			assertThat(isVirtual(thread)).isFalse();
			assertThat(thread.isDaemon()).isTrue();
			assertThat(thread.getName()).startsWith("vgi-external-");
		});
	}

	@Test
	@EnabledForJreRange(max = JRE.JAVA_20)
	void platformThreadsOnAnOldJdkWhateverIsSet() {
		assertThat(isVirtual(threadOfTransfers(true))).isFalse();
	}

	@Test
	@EnabledForJreRange(min = JRE.JAVA_21)
	void virtualThreadsWhereTheyAreTurnedOn() {
		assertThat(threadOfTransfers(true)).satisfies((thread) -> {
			assertThat(isVirtual(thread)).isTrue();
			assertThat(thread.getName()).startsWith("vgi-external-");
		});
	}

	private Thread threadOfTransfers(boolean virtual) {
		CompletableFuture<Thread> thread = new CompletableFuture<>();
		new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiLocalStorageAutoConfiguration.class, VgiExternalAutoConfiguration.class))
			.withPropertyValues("vgi.external.local.directory=" + this.folder,
					"spring.threads.virtual.enabled=" + virtual)
			.run((context) -> {
				context.getBean(VgiExternalAutoConfiguration.TRANSFER_EXECUTOR, ThreadPoolExecutor.class)
					.execute(() -> thread.complete(Thread.currentThread()));
				thread.join();
			});
		return thread.join();
	}

	// The method is younger than the oldest JDK that compiles this.
	private static boolean isVirtual(Thread thread) {
		var method = ReflectionUtils.findMethod(Thread.class, "isVirtual");
		return method != null && Boolean.TRUE.equals(ReflectionUtils.invokeMethod(method, thread));
	}

}
