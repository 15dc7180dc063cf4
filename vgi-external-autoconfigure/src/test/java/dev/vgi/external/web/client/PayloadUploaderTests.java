package dev.vgi.external.web.client;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.pace.Pace;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.pace.Permit;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TestListeners;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link PayloadUploader}.
 */
@ExtendWith(OutputCaptureExtension.class)
class PayloadUploaderTests {

	private static final int ROWS = 400_000;

	private static final Duration TIMEOUT = Duration.ofSeconds(20);

	private final BufferAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = FixedPace.transport(TransportSettings.defaults(), this.timer);

	private final RecordedPauses pauses = new RecordedPauses();

	private final List<String> events = new ArrayList<>();

	private final List<Long> progress = new ArrayList<>();

	private final TransferListener listener = TestListeners.listener(this::ended, this.progress::add);

	private final PayloadUploader uploader = new PayloadUploader(
			new TransferResources(this.transport, new TransferBudget(1 << 20, 1),
					new SlabPool(0, Duration.ofSeconds(1)), TransferThreads.platform(), this.listener),
			TIMEOUT, this.pauses.policy(2));

	private void ended(Transfer transfer) {
		TransferStatistics statistics = transfer.statistics();
		this.events.add(transfer.storage() + " "
				+ ((statistics != null)
						? statistics.storedBytes() + " " + statistics.decodedBytes() + " " + statistics.contentCoding()
						: transfer.outcome()));
	}

	@AfterEach
	void nothingIsLeft() {
		// The alarm that ends an exchange gives its connection back in a thread of its
		// own.
		Awaitility.await().until(() -> this.transport.leasedConnections() == 0);
		this.transport.close();
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(ints = { 200, 201, 204 })
	void streamArrivesAsItIs(int status) {
		try (FaultServer storage = new FaultServer((request, reply) -> {
			request.body();
			reply.head(status, "Content-Length: 0", "ETag: \"tag\"");
		}); AnnotatedBatch batch = numbers(); GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
			this.uploader.upload(stream, pair(storage), UrlValidator.acceptAll(), 0);
			FaultServer.Request request = storage.requests().get(0);
			assertThat(storage.requests()).hasSize(1);
			assertThat(request.method()).isEqualTo("PUT");
			assertThat(request.target()).isEqualTo("/put?sig=5ec7e7");
			assertThat(request.body()).hasSize((int) stream.length());
			// As the protocol has it: no coding, no chunks, nothing of the application's.
			assertThat(request.headers()).containsOnlyKeys("Host", "User-Agent", "Content-Type", "Content-Length");
			assertThat(request.header("Content-Type")).isEqualTo("application/vnd.apache.arrow.stream");
			assertThat(this.events).containsExactly("vended " + stream.length() + " " + stream.length() + " null");
			assertThat(this.progress).hasSizeGreaterThan(3).isSorted().endsWith(stream.length());
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 302, 400, 403, 413 })
	void anyOtherStatusIsARefusalAndNotRepeated(int status) {
		try (FaultServer storage = new FaultServer((request, reply) -> {
			request.body();
			reply.empty(status, "Location: /elsewhere?sig=5ec7e7");
		})) {
			assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> upload(storage))
				.withMessageContaining("/put with status " + status)
				.withMessageNotContaining("5ec7e7");
			assertThat(storage.requests()).hasSize(1);
			assertThat(this.events).containsExactly("vended upload-refused");
		}
	}

	@ParameterizedTest
	@CsvSource({ "408, 8", "429, 8", "503, 8", "500, 2", "502, 2", "504, 2" })
	void storageThatFailsForNowIsAskedAgain(int status, int failures) {
		try (FaultServer storage = new FaultServer((request, reply) -> {
			int length = request.body().length;
			if (request.index() < failures) {
				reply.empty(status);
			}
			else {
				assertThat(length).isEqualTo(storedLength(request));
				reply.empty(200, "ETag: \"tag\"");
			}
		})) {
			upload(storage);
			assertThat(storage.requests()).hasSize(failures + 1);
			assertThat(this.events).singleElement().asString().startsWith("vended ");
		}
	}

	private static long storedLength(FaultServer.Request request) {
		return Long.parseLong(String.valueOf(request.header("Content-Length")));
	}

	@ParameterizedTest
	@ValueSource(ints = { 409, 412 })
	void whenTheAnswerToAnUploadIsLostTheObjectIsThere(int taken) {
		AtomicLong stored = new AtomicLong();
		try (FaultServer storage = new FaultServer((request, reply) -> {
			if ("GET".equals(request.method())) {
				reply.head(206, "Content-Range: bytes 0-0/" + stored.get(), "Content-Length: 1");
				reply.raw(new byte[1]);
			}
			else if (stored.getAndSet(request.body().length) == 0) {
				reply.reset();
			}
			else {
				reply.empty(taken);
			}
		})) {
			upload(storage);
			assertThat(storage.requests()).extracting(FaultServer.Request::method).containsExactly("PUT", "PUT", "GET");
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 408, 429, 500, 503 })
	void storageThatFailsForGoodIsUnavailable(int status) {
		try (FaultServer storage = new FaultServer((request, reply) -> {
			request.body();
			reply.empty(status);
		})) {
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> upload(storage))
				.matches((ex) -> ex.status() == status)
				.withMessageContaining("/put with status " + status)
				.withMessageNotContaining("5ec7e7");
			assertThat(this.events).containsExactly("vended storage-unavailable");
		}
	}

	@Test
	void theWarningOfAFallbackShowsNoQuery(CapturedOutput output) {
		this.uploader.fellBackInline(new ErrorBatchException("RuntimeError",
				"cannot sign https://bucket.example/o?X-Amz-Signature=planted", null, null, null));
		assertThat(output).contains("An input travels inline because it cannot be uploaded: RuntimeError: cannot sign")
			.doesNotContain("planted");
	}

	@Test
	void withoutAnEntityTagOnlyTheLengthIsProof() {
		AtomicLong stored = new AtomicLong();
		try (FaultServer storage = new FaultServer((request, reply) -> {
			if ("PUT".equals(request.method())) {
				stored.addAndGet(request.body().length);
				reply.empty(200);
			}
			else {
				reply.head(206, "Content-Range: bytes 0-0/" + stored.get(), "Content-Length: 1");
				reply.raw(new byte[1]);
			}
		})) {
			upload(storage);
			assertThat(storage.requests()).extracting(FaultServer.Request::target)
				.containsExactly("/put?sig=5ec7e7", "/get?sig=5ec7e7");
			assertThat(storage.requests().get(1).header("Range")).isEqualTo("bytes=0-0");
			stored.set(1);
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> upload(storage))
				.withMessageContaining("does not show an object")
				.withMessageNotContaining("5ec7e7");
			assertThat(this.events.get(1)).isEqualTo("vended storage-unavailable");
		}
	}

	@Test
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void noRequestWaitsForThoseToTheServicesOwnStorage() {
		AtomicLong stored = new AtomicLong();
		try (FaultServer storage = new FaultServer((request, reply) -> {
			if ("GET".equals(request.method())) {
				reply.head(206, "Content-Range: bytes 0-0/" + stored.get(), "Content-Length: 1");
				reply.raw(new byte[1]);
			}
			else {
				stored.set(request.body().length);
				reply.empty(200);
			}
		})) {
			PacedTransfer own = PacedTransfer.own();
			List<Permit> all = new ArrayList<>();
			Pace pace = FixedPace.of(this.transport, own, storage.url("/"));
			for (int i = 0; i < TransportSettings.defaults().maxConnections(); i++) {
				all.add(pace.request(own, false, (permit) -> {
				}));
			}
			upload(storage);
			assertThat(storage.requests()).hasSize(2);
			all.forEach(Permit::cancelled);
		}
	}

	@Test
	void interruptedUploadIsCancelled() {
		Thread caller = Thread.currentThread();
		try (FaultServer storage = new FaultServer((request, reply) -> {
			caller.interrupt();
			reply.stall();
		})) {
			assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(() -> upload(storage));
			assertThat(Thread.interrupted()).isTrue();
			assertThat(this.events).containsExactly("vended cancelled");
		}
	}

	@Test
	void storageThatBreaksOffIsUnavailable() {
		try (FaultServer storage = new FaultServer((request, reply) -> reply.reset())) {
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> upload(storage))
				.withMessageNotContaining("5ec7e7")
				.satisfies((ex) -> assertThat(String.valueOf(ex.getCause())).doesNotContain("5ec7e7"));
			assertThat(this.events).containsExactly("vended storage-unavailable");
		}
	}

	@Test
	void storageThatStallsIsGivenUpInTime() {
		try (FaultServer storage = new FaultServer((request, reply) -> {
			request.body();
			this.timer.advance(TIMEOUT);
			reply.stall();
		})) {
			assertThatExceptionOfType(TransferTimeoutException.class).isThrownBy(() -> upload(storage))
				.withMessageNotContaining("5ec7e7");
			assertThat(this.events).containsExactly("vended timed-out");
		}
	}

	@Test
	void bothUrlsHaveToBeAllowedBeforeAnythingIsSent() {
		try (FaultServer storage = new FaultServer((request, reply) -> reply.empty(200))) {
			for (String refused : List.of("/put", "/get")) {
				UrlValidator policy = (url) -> {
					if (url.getPath().equals(refused)) {
						throw new UrlRejectedException(url, "refused");
					}
				};
				try (AnnotatedBatch batch = numbers();
						GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
					assertThatExceptionOfType(UrlRejectedException.class)
						.isThrownBy(() -> this.uploader.upload(stream, pair(storage), policy, 0))
						.withMessageNotContaining("5ec7e7");
				}
			}
			assertThat(storage.requests()).isEmpty();
		}
	}

	private void upload(FaultServer storage) {
		try (AnnotatedBatch batch = numbers(); GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
			this.uploader.upload(stream, pair(storage), UrlValidator.acceptAll(), 0);
		}
	}

	private static UploadUrl pair(FaultServer storage) {
		URI upload = storage.url("/put?sig=5ec7e7");
		return new UploadUrl(upload, storage.url("/get?sig=5ec7e7"), Instant.MAX);
	}

	private AnnotatedBatch numbers() {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(ROWS);
		vector.setValueCount(ROWS);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

}
