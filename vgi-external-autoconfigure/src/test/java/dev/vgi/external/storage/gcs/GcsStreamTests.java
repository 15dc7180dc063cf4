package dev.vgi.external.storage.gcs;

import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.SlowPayload;
import dev.vgi.external.storage.gcs.GcsServer.Failure;
import dev.vgi.external.storage.gcs.GcsServer.Request;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.StreamedPayload;
import dev.vgi.external.upload.StreamedUpload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of {@link GcsStorage} with streams whose length is unknown.
 */
@Timeout(60)
class GcsStreamTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private static final int CHUNK = 1 << 20;

	private final List<AutoCloseable> resources = new ArrayList<>();

	private final RecordedPauses pauses = new RecordedPauses();

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(2 * CHUNK, 0);

	private GcsServer server;

	private GcsStorage storage;

	@BeforeEach
	void start() throws Exception {
		this.server = closed(new GcsServer());
		this.server.account(Accounts.EMAIL, Accounts.KEYS);
		this.server.bucket("batches");
		StorageTransport transport = closed(FixedPace.transport(TransportSettings.defaults()));
		GcsStorageSettings settings = GcsStorageSettings.of("batches")
			.withPartSize(CHUNK + 1)
			.withTimeout(Duration.ofSeconds(30));
		this.storage = new GcsStorage(
				closed(Accounts.storage(Accounts.credentials(this.server, Accounts.KEYS), this.server.url())),
				transport, TransferThreads.platform(), settings, Clock.systemUTC(), this.pauses.policy(1));
	}

	@AfterEach
	void stop() throws Exception {
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.budget.inUse()).isZero();
		for (AutoCloseable resource : this.resources) {
			resource.close();
		}
	}

	private <T extends AutoCloseable> T closed(T resource) {
		this.resources.add(resource);
		return resource;
	}

	private List<String> ranges() {
		return this.server.requests("PUT").stream().map(Request::contentRange).toList();
	}

	@Test
	void lengthIsSaidWithTheLastChunk() throws Exception {
		upload(StreamedUpload.of(BytesPayload.random(CHUNK * 2 + 1, 1).bytes()));
		assertThat(ranges()).containsExactly("bytes 0-1048575/*", "bytes 1048576-2097151/*",
				"bytes 2097152-2097152/2097153");
	}

	@Test
	void streamMayEndWithAChunk() throws Exception {
		upload(StreamedUpload.of(BytesPayload.random(CHUNK * 2, 1).bytes()));
		assertThat(ranges()).containsExactly("bytes 0-1048575/*", "bytes 1048576-2097151/2097152");
	}

	@Test
	void brokenChunkGoesOnWhereTheSessionIs() throws Exception {
		AtomicInteger broken = new AtomicInteger();
		// The first time, the connection had been used before and is taken for stale.
		this.server
			.failing((request) -> (request.contentRange().startsWith("bytes 1048576-") && broken.incrementAndGet() <= 2)
					? Failure.brokenAfter(600_000) : null);
		byte[] bytes = BytesPayload.random(CHUNK * 2 + 1, 1).bytes();
		upload(StreamedUpload.of(bytes));
		assertThat(ranges()).endsWith("bytes */*", "bytes 1572864-2097151/*", "bytes 2097152-2097152/2097153");
		assertThat(this.server.objects("batches").values().iterator().next().bytes()).isEqualTo(bytes);
	}

	@Test
	void permanentFailureOfTheSecondChunkEndsTheProducerAndTheSession() {
		for (int status : new int[] { 403, 500 }) {
			this.server.failing((request) -> request.contentRange().startsWith("bytes 1048576-")
					? Failure.of(status, "backendError") : null);
			assertThatExceptionOfType(VgiExternalException.class).isThrownBy(() -> upload((stream) -> {
				while (true) {
					stream.write(ByteBuffer.allocate(100_000));
				}
			})).withMessageContaining("store a chunk").withMessageContaining(Integer.toString(status));
			assertThat(this.server.contents("batches")).isEmpty();
		}
		assertThat(this.server.requests("DELETE")).hasSize(2);
	}

	@Test
	void timeOfTheProducerDoesNotCount() {
		byte[] bytes = BytesPayload.random(CHUNK * 3 + 1, 2).bytes();
		Runnable hour = () -> this.pauses.schedule(Duration.ofHours(1), () -> {
		});
		this.storage.upload(new SlowPayload(BytesPayload.of(bytes), Payload.UNKNOWN_LENGTH, hour), SCHEMA, null);
		assertThat(this.server.objects("batches")).hasSize(1);
		// A known length has one deadline, as ever.
		assertThatExceptionOfType(VgiExternalException.class).isThrownBy(
				() -> this.storage.upload(new SlowPayload(BytesPayload.of(bytes), bytes.length, hour), SCHEMA, null))
			.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(VgiExternalException.Kind.TIMED_OUT));
	}

	@Test
	void deadlineOfAChunkBeginsWithItsTurn() throws Exception {
		// Eight answers that ask for patience take 21 of the 30 s, and the next chunk is
		// there all the time.
		Map<String, Integer> answers = new ConcurrentHashMap<>();
		this.server
			.failing((request) -> (request.isChunk() && answers.merge(request.contentRange(), 1, Integer::sum) <= 8)
					? Failure.of(503, "backendError") : null);
		byte[] bytes = BytesPayload.random(CHUNK * 4, 3).bytes();
		upload(StreamedUpload.of(bytes));
		assertThat(this.server.objects("batches").values().iterator().next().bytes()).isEqualTo(bytes);
	}

	private void upload(StreamedUpload.Producer producer) throws Exception {
		try (StreamedPayload stream = new StreamedPayload(null, this.slabs, this.budget, Duration.ofSeconds(30),
				TransferTrace.none())) {
			StreamedUpload.run(stream, (payload) -> this.storage.upload(payload, SCHEMA, null), producer);
		}
	}

}
