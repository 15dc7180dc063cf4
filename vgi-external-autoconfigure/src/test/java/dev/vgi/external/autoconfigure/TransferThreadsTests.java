package dev.vgi.external.autoconfigure;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.transfer.TransferThreads;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
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
			assertThat(thread.getName()).isEqualTo("vgi-external-test");
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
			assertThat(thread.getName()).isEqualTo("vgi-external-test");
		});
	}

	@Test
	void threadsOfTheApplicationAreUsed() {
		List<Thread> created = new CopyOnWriteArrayList<>();
		runner().withBean(TransferThreads.class, () -> new TransferThreads((task) -> {
			Thread thread = new Thread(task);
			created.add(thread);
			return thread;
		})).withPropertyValues("vgi.external.local.base-url=http://127.0.0.1").run((context) -> {
			BigIntVector vector = new BigIntVector("n", context.getBean(BufferAllocator.class));
			vector.setSafe(0, 1);
			vector.setValueCount(1);
			try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))) {
				context.getBean(Externalizer.class).publish(batch);
			}
		});
		assertThat(created).extracting(Thread::getName).containsExactly("vgi-external-digest");
		assertThat(created).noneMatch(Thread::isAlive).allMatch(Thread::isDaemon);
	}

	private ApplicationContextRunner runner() {
		return new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiLocalStorageAutoConfiguration.class, VgiExternalAutoConfiguration.class))
			.withPropertyValues("vgi.external.local.directory=" + this.folder);
	}

	private Thread threadOfTransfers(boolean virtual) {
		CompletableFuture<Thread> thread = new CompletableFuture<>();
		runner().withPropertyValues("spring.threads.virtual.enabled=" + virtual).run((context) -> {
			context.getBean(TransferThreads.class)
				.named("test")
				.newThread(() -> thread.complete(Thread.currentThread()))
				.start();
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
