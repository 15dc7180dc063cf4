package dev.vgi.external.location;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.observation.TransferMetrics;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests of what becomes of a fetch whose caller is interrupted: nothing has failed, so
 * nobody is warned.
 */
@ExtendWith(OutputCaptureExtension.class)
class CancelledFetchTests {

	private static final int CHUNK = 64 * 1024;

	private final RootAllocator allocator = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(4 << 20, 4);

	private final SlabPool slabs = new SlabPool(1 << 20, Duration.ofMinutes(1));

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private final SimpleMeterRegistry meters = new SimpleMeterRegistry();

	private final CountDownLatch reached = new CountDownLatch(1);

	private @Nullable FaultServer server;

	private final LoggingSystem logging = LoggingSystem.get(CancelledFetchTests.class.getClassLoader());

	@BeforeEach
	void logAll() {
		this.logging.setLogLevel(Transfer.class.getName(), LogLevel.DEBUG);
	}

	@AfterEach
	void nothingIsLeft() {
		this.logging.setLogLevel(Transfer.class.getName(), null);
		if (this.server != null) {
			this.server.close();
		}
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { 2 * CHUNK, 8 * CHUNK })
	void duringTheTransfer(int length, CapturedOutput output) throws Exception {
		byte[] content = new byte[length];
		VgiExternalException failure = interrupt((request, reply) -> {
			if (request.rangeStart() == 0) {
				reply.object(content);
			}
			else {
				this.reached.countDown();
				reply.stall();
			}
		}, (duration) -> {
		});
		assertThat(failure).isInstanceOf(TransferCancelledException.class).hasMessageContaining("Interrupted");
		cancelledWithoutWarning(failure, output);
	}

	@Test
	void duringThePauseBeforeAFurtherAttempt(CapturedOutput output) throws Exception {
		VgiExternalException failure = interrupt((request, reply) -> reply.empty(503), (duration) -> {
			this.reached.countDown();
			while (!Thread.currentThread().isInterrupted()) {
				Thread.onSpinWait();
			}
		});
		assertThat(failure).isInstanceOf(TransferCancelledException.class);
		// What had failed before is still to be seen.
		assertThat(failure.getSuppressed()).singleElement()
			.isInstanceOf(StorageUnavailableException.class)
			.extracting(Throwable::getMessage)
			.asString()
			.contains("503");
		cancelledWithoutWarning(failure, output);
	}

	@Test
	void whileItWaitsForMemory(CapturedOutput output) throws Exception {
		try (TransferBudget.Lease all = this.budget.acquire(this.budget.maxBytes(), Duration.ZERO)) {
			assertThat(all).isNotNull();
			CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> {
				while (this.budget.waiting() == 0) {
					Thread.onSpinWait();
				}
				this.reached.countDown();
			});
			VgiExternalException failure = interrupt(FaultServer.object(new byte[100]), (duration) -> {
			});
			waiting.get(20, TimeUnit.SECONDS);
			cancelledWithoutWarning(failure, output);
		}
	}

	@Test
	void whatFailsOfItselfIsWarnedOf(CapturedOutput output) throws Exception {
		FaultServer started = serve((request, reply) -> reply.empty(500));
		VgiExternalException failure = resolve(started.url("/o?secret"), (duration) -> {
		});
		assertThat(failure.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE);
		assertThat(warnings(output)).singleElement()
			.asString()
			.contains("failed in attempt 3")
			.doesNotContain("secret");
	}

	private void cancelledWithoutWarning(VgiExternalException failure, CapturedOutput output) {
		assertThat(failure.kind()).isEqualTo(Kind.CANCELLED);
		assertThat(warnings(output)).isEmpty();
		assertThat(output.toString().lines().filter((line) -> line.contains("was cancelled in attempt 1")))
			.singleElement()
			.asString()
			.contains("DEBUG")
			.doesNotContain("secret");
		assertThat(this.meters.get("vgi.external.failures").tag("kind", "cancelled").counter().count()).isOne();
		assertThat(this.meters.get("vgi.external.failures").counters()).hasSize(1);
	}

	private static List<String> warnings(CapturedOutput output) {
		return output.toString().lines().filter((line) -> line.contains("WARN")).toList();
	}

	private FaultServer serve(FaultServer.Handler handler) {
		FaultServer started = new FaultServer(handler);
		this.server = started;
		return started;
	}

	private VgiExternalException interrupt(FaultServer.Handler handler, Consumer<Duration> pause) throws Exception {
		URI url = serve(handler).url("/o?secret");
		CompletableFuture<VgiExternalException> failure = new CompletableFuture<>();
		Thread caller = new Thread(() -> {
			try {
				VgiExternalException ex = resolve(url, pause);
				assertThat(Thread.currentThread().isInterrupted()).isTrue();
				failure.complete(ex);
			}
			catch (Throwable ex) {
				failure.completeExceptionally(ex);
			}
		}, "caller");
		caller.start();
		assertThat(this.reached.await(20, TimeUnit.SECONDS)).isTrue();
		caller.interrupt();
		return failure.get(20, TimeUnit.SECONDS);
	}

	private VgiExternalException resolve(URI url, Consumer<Duration> pause) {
		FetchConfig fetch = new FetchConfig(FetchConfig.Probe.RANGE, 4 * CHUNK, CHUNK, 4, Duration.ofSeconds(60),
				1 << 20, 1 << 20, 5, 0, 0, 0);
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withFetchConfig(fetch)
			.withUrlValidator(UrlValidator.acceptAll());
		TransferResources resources = new TransferResources(this.transport, this.budget, this.slabs,
				TransferThreads.platform(), new TransferMetrics(this.meters, this.budget, this.allocator));
		LocationResolver resolver = new LocationResolver(config, resources,
				new RecordedPauses(pause).policy(config.maxRetries()));
		BatchMetadata location = BatchMetadata.of(MetadataKeys.LOCATION, url.toString());
		try (VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(List.of()), this.allocator);
				AnnotatedBatch pointer = AnnotatedBatch.of(root).zeroRows(location, this.allocator)) {
			resolver.resolve(pointer, this.allocator, LogSink.discarding()).close();
		}
		catch (VgiExternalException ex) {
			return ex;
		}
		throw new AssertionError("it was resolved");
	}

}
