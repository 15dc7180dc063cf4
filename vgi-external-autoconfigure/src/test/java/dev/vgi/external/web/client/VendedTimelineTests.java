package dev.vgi.external.web.client;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of what {@link PayloadUploader} reports, and of what becomes of uploads that an
 * operator ends.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VendedTimelineTests {

	private static final Duration TIMEOUT = Duration.ofMinutes(5);

	private final BufferAllocator allocator = new RootAllocator();

	private final StorageTransport transport = FixedPace.transport(TransportSettings.defaults());

	private final RecordedEvents recorded = new RecordedEvents();

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.recorded.transfers()).allMatch(RecordedEvents.Timeline::hasEnded);
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		this.allocator.close();
	}

	@Test
	void retryAndConfirmationAreThere() {
		AtomicLong stored = new AtomicLong();
		try (FaultServer storage = new FaultServer((request, reply) -> {
			if (request.method().equals("GET")) {
				reply.head(206, "Content-Range: bytes 0-0/" + stored.get(), "Content-Length: 1");
				reply.raw(new byte[1]);
			}
			else {
				stored.set(request.body().length);
				reply.empty((request.index() == 0) ? 503 : 200, "x-amz-request-id: ID" + request.index());
			}
		})) {
			Pointer pointer = upload(storage, new RecordedPauses().policy(2));
			assertThat(pointer.sha256()).matches("[0-9a-f]{64}");
			RecordedEvents.Timeline timeline = this.recorded.only();
			long length = stored.get();
			assertThat(timeline.withoutDigest()).containsExactly("size " + length + " null", "upload {",
					"1 object 0 0+" + length, "1 sent", "1 answered 503 ID0", "1 complete " + length,
					"retry -1 storage-unavailable 100 ms", "pause {", "} pause", "2 object 0 0+" + length, "2 sent",
					"2 answered 200 ID1", "2 complete " + length, "3 confirmation 0 0+0", "3 sent",
					"3 answered 206 null", "3 complete 1", "} upload");
			assertThat(timeline.where((line) -> line.contains("digest"))).containsExactly("digest {", "} digest");
			assertThat(timeline.transfer().retries()).isOne();
			assertThat(timeline.transfer().location()).endsWith("/get");
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "PUT", "GET" })
	void uploadThatIsEndedWhileARequestIsUnderWayEndsSoon(String method) {
		try (FaultServer storage = new FaultServer((request, reply) -> {
			if (request.method().equals(method)) {
				this.recorded.only().transfer().end();
				reply.stall();
			}
			request.body();
			reply.empty(200);
		})) {
			assertEnded(storage, new RecordedPauses().policy(2));
		}
	}

	@Test
	void uploadThatPausesIsEnded() {
		ManualTimer timer = new ManualTimer();
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals("pause {")) {
				Thread ender = new Thread(() -> {
					while (timer.alarms() == 0) {
						Thread.onSpinWait();
					}
					transfer.end();
				});
				ender.setDaemon(true);
				ender.start();
			}
		});
		try (StorageTransport measured = FixedPace.transport(TransportSettings.defaults(), timer);
				FaultServer storage = new FaultServer((request, reply) -> {
					request.body();
					reply.empty(500);
				})) {
			assertEnded(storage, new RetryPolicy(2, Duration.ofSeconds(10), measured));
			assertThat(storage.requests()).hasSize(1);
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "upload {", "1 sent", "1 answered 200 null", "2 sent" })
	void uploadMayBeEndedAtAnyMoment(String moment) {
		this.recorded.onEvent((transfer, event) -> {
			if (event.equals(moment)) {
				transfer.end();
			}
		});
		try (FaultServer storage = new FaultServer((request, reply) -> {
			request.body();
			reply.empty(200);
		})) {
			assertEnded(storage, new RecordedPauses().policy(2));
		}
	}

	private void assertEnded(FaultServer storage, RetryPolicy policy) {
		assertThatExceptionOfType(TransferCancelledException.class).isThrownBy(() -> upload(storage, policy))
			.withMessageContaining("was ended by an operator");
		assertThat(Thread.interrupted()).isFalse();
		assertThat(this.recorded.only().transfer().outcome()).isEqualTo("cancelled");
	}

	private Pointer upload(FaultServer storage, RetryPolicy policy) {
		PayloadUploader uploader = new PayloadUploader(
				new TransferResources(this.transport, new TransferBudget(1 << 20, 1),
						new SlabPool(0, Duration.ofSeconds(1)), TransferThreads.platform(), this.recorded),
				TIMEOUT, policy);
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(100_000);
		vector.setValueCount(100_000);
		URI put = storage.url("/put?sig=5ec7e7");
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
				GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
			return uploader.upload(stream, new UploadUrl(put, storage.url("/get?sig=5ec7e7"), Instant.MAX),
					UrlValidator.acceptAll(), 0);
		}
	}

}
