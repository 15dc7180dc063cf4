package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.segment.ReaderBatches;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.location.ResultBatches;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.SlowPayload;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.s3.RecordingS3.Request;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.StreamedPayload;
import dev.vgi.external.upload.StreamedUpload;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests of {@link S3Storage} with streams whose length is unknown.
 */
@Timeout(60)
class S3StreamTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private static final int PART = 5 << 20;

	private static final AwsCredentialsProvider CREDENTIALS = StaticCredentialsProvider
		.create(AwsBasicCredentials.create("access", "planted-secret"));

	private static final S3StorageSettings SETTINGS = S3StorageSettings.of("batches")
		.withPartSize(PART)
		.withMaxParallelParts(3)
		.withTimeout(Duration.ofSeconds(30));

	private final List<AutoCloseable> resources = new ArrayList<>();

	private final RecordedPauses pauses = new RecordedPauses();

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(3 * PART, 0);

	private RecordingS3 server;

	private StorageTransport transport;

	private S3Storage storage;

	@BeforeEach
	void start() throws Exception {
		this.server = closed(new RecordingS3());
		this.transport = closed(FixedPace.transport(TransportSettings.defaults()));
		URI url = this.server.url();
		this.storage = new S3Storage(closed(S3Clients.client(CREDENTIALS, "eu-central-1", url, true)),
				closed(S3Clients.presigner(CREDENTIALS, "eu-central-1", url, true)), this.transport,
				TransferThreads.platform(), SETTINGS, Clock.systemUTC(), this.pauses.policy(1));
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

	@ParameterizedTest
	@CsvSource({ "1, 1", "5242880, 1", "5242881, 2", "15728640, 3", "15728641, 4" })
	void partsAreEqual(int length, int parts) throws Exception {
		upload(StreamedUpload.of(BytesPayload.random(length, 1).bytes()));
		List<Request> puts = this.server.requests("PUT");
		assertThat(puts).hasSize(parts);
		assertThat(puts.stream().mapToInt((put) -> put.body().length).sum()).isEqualTo(length);
		assertThat(puts.stream().filter((put) -> put.body().length == PART)).hasSizeGreaterThanOrEqualTo(parts - 1);
		assertThat(this.server.requests("POST")).hasSize((parts > 1) ? 2 : 0);
	}

	@ParameterizedTest
	@ValueSource(strings = { "403 AccessDenied", "500 InternalError" })
	void permanentFailureOfTheSecondPartEndsTheProducerAndAborts(String failure) {
		this.server.failing((request) -> request.isPart(2) ? failure : null);
		assertThatExceptionOfType(VgiExternalException.class).isThrownBy(() -> upload((stream) -> {
			while (true) {
				stream.write(ByteBuffer.allocate(100_000));
			}
		})).withMessageContaining("store a part").withMessageContaining(failure);
		assertThat(this.server.requests("POST")).hasSize(1);
		assertThat(this.server.requests("DELETE")).hasSize(2);
	}

	@Test
	void uploadThatCannotBeginEndsTheProducer() {
		this.server.failing((request) -> request.query().equals("uploads") ? "403 AccessDenied" : null);
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(() -> upload((stream) -> {
			while (true) {
				stream.write(ByteBuffer.allocate(100_000));
			}
		}));
	}

	@Test
	void timeOfTheProducerDoesNotCount() {
		byte[] bytes = BytesPayload.random(PART * 3 + 1, 2).bytes();
		Runnable hour = () -> this.pauses.schedule(Duration.ofHours(1), () -> {
		});
		this.storage.upload(new SlowPayload(BytesPayload.of(bytes), Payload.UNKNOWN_LENGTH, hour), SCHEMA, null);
		assertThat(this.server.requests("PUT")).hasSize(4);
		assertThat(this.server.requests("DELETE")).isEmpty();
		// A known length has one deadline, as ever.
		assertThatExceptionOfType(VgiExternalException.class).isThrownBy(
				() -> this.storage.upload(new SlowPayload(BytesPayload.of(bytes), bytes.length, hour), SCHEMA, null))
			.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(VgiExternalException.Kind.TIMED_OUT));
	}

	@Test
	void eachPartHasADeadlineOfItsOwn() throws Exception {
		// Eight answers that ask for patience take 21 of the 30 s.
		int[] answers = new int[5];
		this.server.failing((request) -> {
			for (int part = 1; part <= 4; part++) {
				if (request.isPart(part)) {
					synchronized (answers) {
						return (answers[part]++ < 8) ? "503 SlowDown" : null;
					}
				}
			}
			return null;
		});
		this.storage.upload(new SlowPayload(BytesPayload.random(PART * 4, 3), Payload.UNKNOWN_LENGTH, () -> {
		}), SCHEMA, null);
		assertThat(this.server.requests("PUT")).hasSize(9 * 4);
		this.server.failing((request) -> request.isPart(2) ? "503 SlowDown" : null);
		assertThatExceptionOfType(VgiExternalException.class)
			.isThrownBy(() -> upload(StreamedUpload.of(new byte[PART * 4])))
			.withMessageContaining("30000 ms");
		assertThat(this.server.requests("DELETE")).isNotEmpty();
	}

	@Test
	void moreThan10000PartsAreRefusedWithTheKeyToRaise() {
		TinyParts payload = new TinyParts();
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.storage.upload(payload, SCHEMA, null))
			.withMessageContaining("10000 parts")
			.withMessageContaining("'vgi.external.upload.part-size'");
		assertThat(this.server.requests("PUT")).hasSizeLessThanOrEqualTo(10_000);
		assertThat(this.server.requests("POST")).hasSize(1);
		assertThat(this.server.requests("DELETE")).isNotEmpty();
		assertThat(payload.bytes.openParts()).isZero();
	}

	@Test
	void partsDoNotGrow() {
		assertThat(SETTINGS.partSize(Payload.UNKNOWN_LENGTH)).isEqualTo(PART);
		assertThat(SETTINGS.withPartSize(5L << 30).partSize(Payload.UNKNOWN_LENGTH)).isEqualTo(Payload.LARGEST_PART);
	}

	@ParameterizedTest
	@ValueSource(strings = { "403 AccessDenied", "500 InternalError" })
	void failedPartOfAResultSetIsItsFailureAndAbortsIt(String failure) {
		this.server.failing((request) -> request.isPart(2) ? failure : null);
		try (BufferAllocator allocator = new RootAllocator();
				ReaderBatches batches = new ReaderBatches(new NumbersReader(10_000, 10_000), allocator)) {
			Externalizer externalizer = externalizer(allocator, this.budget);
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> externalizer.store(batches, false, ResponseBudget.unlimited()))
				.withMessageContaining("store a part")
				.withMessageContaining(failure);
		}
		assertThat(this.server.requests("DELETE")).hasSize(2);
	}

	@Test
	void uploadsOfAReaderThatFailsAreAborted() {
		CountDownLatch release = new CountDownLatch(1);
		AtomicInteger blocked = new AtomicInteger();
		List<String> begun = new CopyOnWriteArrayList<>();
		this.server.failing((request) -> {
			if (request.isPart(1) || request.isPart(2)) {
				blocked.incrementAndGet();
				await(release);
			}
			if (request.query().equals("uploads")) {
				begun.add(request.uri().getPath());
			}
			if (request.method().equals("DELETE") && begun.indexOf(request.uri().getPath()) == 1) {
				// Whoever closes the result waits for this upload alone.
				Awaitility.await()
					.until(() -> Thread.getAllStackTraces()
						.keySet()
						.stream()
						.filter((thread) -> thread.getName().equals("vgi-external-segment"))
						.count() == 1);
			}
			return null;
		});
		NumbersReader numbers = new NumbersReader(10, 800_000) {

			@Override
			protected void beforeBatch(int number) throws IOException {
				// One segment after the other is being uploaded.
				Awaitility.await().until(() -> blocked.get() == 2 * (number - 1));
				if (number == 3) {
					throw new IOException("the disk is gone");
				}
			}

		};
		TransferBudget large = new TransferBudget(200 << 20, 0);
		try (BufferAllocator allocator = new RootAllocator();
				ResultBatches result = externalizer(allocator, large).externalize(new ReaderBatches(numbers, allocator),
						ResponseBudget.unlimited())) {
			assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(result::next);
		}
		finally {
			release.countDown();
		}
		assertThat(large.inUse()).isZero();
		assertThat(this.server.requests("DELETE")).hasSize(2 * 2);
	}

	private static void await(CountDownLatch latch) {
		try {
			latch.await();
		}
		catch (InterruptedException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private Externalizer externalizer(BufferAllocator allocator, TransferBudget budget) {
		return new Externalizer(
				ExternalLocationConfig.defaults()
					.withStorage(this.storage)
					.withExternalizeThreshold(1000)
					.withSegmentSize(4_800_000),
				new TransferResources(this.transport, budget, this.slabs, TransferThreads.platform(),
						TransferListener.none()),
				allocator);
	}

	private void upload(StreamedUpload.Producer producer) throws Exception {
		try (StreamedPayload stream = new StreamedPayload(null, this.slabs, this.budget, Duration.ofSeconds(30),
				TransferTrace.none())) {
			StreamedUpload.run(stream, (payload) -> this.storage.upload(payload, SCHEMA, null), producer);
		}
	}

	/**
	 * More parts than S3 accepts, of a byte each.
	 */
	private static final class TinyParts implements Payload {

		private final BytesPayload bytes = BytesPayload.random(10_100, 4);

		@Override
		public long maxLength() {
			return UNKNOWN_LENGTH;
		}

		@Override
		public @Nullable Part next(int size) {
			return this.bytes.next(1);
		}

	}

}
