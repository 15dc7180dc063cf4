package dev.vgi.external.location;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.ChecksumMismatchException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link Externalizer} and {@link LocationResolver} on a real folder.
 */
class LocationTests {

	private static final int ROWS = 1000;

	@TempDir
	private Path folder;

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(64 << 20, 4);

	private final SlabPool slabs = new SlabPool(16 << 20, Duration.ofHours(1));

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private final RecordedPauses pauses = new RecordedPauses();

	private LocalStorage storage;

	@BeforeEach
	void setUp() {
		this.storage = new LocalStorage(LocalStorageSettings.of(this.folder), () -> URI.create("http://127.0.0.1:1"),
				Clock.systemUTC());
	}

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		this.transport.close();
		this.allocator.close();
	}

	@Test
	void belowTheThresholdStaysInline() {
		AnnotatedBatch batch = numbers("n");
		long size = batch.bufferSize();
		try (OutputCycle cycle = externalizer(size + 1, null, this.storage, false).externalize(OutputCycle.of(batch))) {
			assertThat(cycle.data()).isSameAs(batch);
		}
		try (OutputCycle cycle = externalizer(size, null, this.storage, false)
			.externalize(OutputCycle.of(numbers("n")))) {
			assertThat(cycle.data().rowCount()).isZero();
		}
	}

	@Test
	void withoutRowsNeverLeaves() {
		BatchMetadata token = BatchMetadata.of(MetadataKeys.STREAM_STATE, "token");
		try (AnnotatedBatch batch = numbers("n");
				OutputCycle cycle = externalizer(0, null, this.storage, false)
					.externalize(OutputCycle.of(batch.zeroRows(token, this.allocator)))) {
			assertThat(cycle.data().metadata()).isEqualTo(token);
		}
	}

	@Test
	void wholeCycleTravelsAsOne() {
		for (Compression compression : new @Nullable Compression[] { null, new Compression(1, 0),
				new Compression(19, 0) }) {
			LogMessage log = new LogMessage("INFO", "half way", Map.of());
			AnnotatedBatch data = numbers("n").withMetadata(BatchMetadata.of("own", "kept"));
			AnnotatedBatch pointer = externalizer(0, compression, this.storage, false)
				.externalize(new OutputCycle(List.of(log), data))
				.data();
			assertThat(BatchKind.of(pointer.rowCount(), pointer.metadata())).isEqualTo(BatchKind.POINTER);
			assertThat(pointer.metadata().asMap()).containsOnlyKeys(MetadataKeys.LOCATION,
					MetadataKeys.LOCATION_SHA256);
			List<LogMessage> logs = new ArrayList<>();
			try (AnnotatedBatch resolved = resolver().resolve(pointer, this.allocator, logs::add)) {
				assertThat(resolved.rowCount()).isEqualTo(ROWS);
				assertThat(((BigIntVector) resolved.root().getVector("n")).get(ROWS - 1)).isEqualTo(ROWS - 1);
				assertThat(resolved.metadata().get("own")).isEqualTo("kept");
				assertThat(resolved.metadata().contains(MetadataKeys.LOCATION)).isFalse();
				assertThat(resolved.metadata().get(MetadataKeys.LOCATION_FETCH_MS)).matches("\\d+\\.\\d");
			}
			assertThat(logs).containsExactly(log);
		}
	}

	@Test
	void whoHoldsSomethingAndFindsNoRoomStoresUncompressed() throws IOException {
		try (TransferBudget.Lease others = this.budget.acquire(this.budget.maxBytes() - (1 << 20), Duration.ZERO);
				RequestMemory request = this.budget.request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind();
				ArrowBuf held = RequestMemory.allocator(this.allocator).buffer(1 << 20)) {
			AnnotatedBatch pointer = externalizer(0, new Compression(1, 0), this.storage, false)
				.externalize(OutputCycle.of(numbers("n")))
				.data();
			URI location = Pointer.from(pointer.metadata()).location();
			try (pointer; StoredObject object = this.storage.open(location)) {
				assertThat(object).isNotNull();
				assertThat(object.contentCoding()).isNull();
			}
			assertThat(held).isNotSameAs(others);
		}
	}

	@Test
	void unaryLogsStayInline() {
		LogMessage log = new LogMessage("INFO", "inline", Map.of());
		try (OutputCycle cycle = externalizer(0, null, this.storage, false)
			.externalizeData(new OutputCycle(List.of(log), numbers("n")), ResponseBudget.unlimited())) {
			assertThat(cycle.logs()).containsExactly(log);
			assertThat(cycle.data().rowCount()).isZero();
		}
	}

	@Test
	void whatIsPublishedIsStoredWhateverItsSizeAndStaysTheCallers() {
		for (Compression compression : new @Nullable Compression[] { null, new Compression(1, 0) }) {
			BatchMetadata metadata = BatchMetadata.of("own", "kept")
				.with(MetadataKeys.LOCATION_SOURCE, "https://storage.example/x?signature=s3cret");
			try (AnnotatedBatch batch = numbers("n").withMetadata(metadata)) {
				ExternalRef ref = externalizer(Long.MAX_VALUE, compression, this.storage, false).publish(batch);
				assertThat(batch.rowCount()).isEqualTo(ROWS);
				assertThat(ref.expiresAt()).isNotNull().isEqualTo(this.storage.expiresAt(ref.url()));
				for (ExternalRef each : List.of(ref, ref.withoutDigest())) {
					try (AnnotatedBatch resolved = resolver().resolve(each.pointerBatch(batch, this.allocator),
							this.allocator, LogSink.discarding())) {
						assertThat(((BigIntVector) resolved.root().getVector("n")).get(ROWS - 1)).isEqualTo(ROWS - 1);
						assertThat(resolved.metadata().get("own")).isEqualTo("kept");
						assertThat(resolved.metadata().get(MetadataKeys.LOCATION_SOURCE)).doesNotContain("s3cret");
					}
				}
			}
		}
	}

	@Test
	void whatCannotBePublishedIsNeverInline() {
		try (AnnotatedBatch batch = numbers("n")) {
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> externalizer(0, null, new RefusingStorage(), true).publish(batch));
			assertThatIllegalStateException().isThrownBy(() -> externalizer(0, null, null, true).publish(batch))
				.withMessageContaining("'vgi.external.storage'");
		}
	}

	@Test
	void failedUploadIsAnErrorAndFreesTheBatch() {
		assertThatExceptionOfType(UploadRefusedException.class).isThrownBy(
				() -> externalizer(0, null, new RefusingStorage(), false).externalize(OutputCycle.of(numbers("n"))));
	}

	@Test
	void failedUploadMayGoInline() {
		try (OutputCycle cycle = externalizer(0, null, new RefusingStorage(), true)
			.externalize(OutputCycle.of(numbers("n")))) {
			assertThat(cycle.data().rowCount()).isEqualTo(ROWS);
		}
	}

	@Test
	void wrongDigestIsNotRetried() {
		AnnotatedBatch pointer = pointer(numbers("n"));
		AnnotatedBatch wrong = pointer
			.withMetadata(pointer.metadata().with(MetadataKeys.LOCATION_SHA256, "0".repeat(64)));
		refused(ChecksumMismatchException.class, "checksum", wrong);
		assertThat(this.pauses.pauses()).isEmpty();
	}

	@Test
	void whateverAPolicyThrowsIsARefusalWithoutTheQuery() {
		LocationResolver resolver = resolver((url) -> {
			throw new IllegalStateException("No entry for " + url);
		});
		AnnotatedBatch pointer = pointer(numbers("n"));
		String query = URI.create(String.valueOf(pointer.metadata().get(MetadataKeys.LOCATION))).getRawQuery();
		assertThatExceptionOfType(UrlRejectedException.class)
			.isThrownBy(() -> resolver.resolve(pointer, this.allocator, LogSink.discarding()))
			.withNoCause()
			.withMessageContaining("No entry for")
			.withMessageNotContaining(query);
	}

	@Test
	void upperCaseDigestIsTheSame() {
		AnnotatedBatch pointer = pointer(numbers("n"));
		String digest = String.valueOf(pointer.metadata().get(MetadataKeys.LOCATION_SHA256));
		resolver()
			.resolve(pointer.withMetadata(pointer.metadata().with(MetadataKeys.LOCATION_SHA256, digest.toUpperCase())),
					this.allocator, LogSink.discarding())
			.close();
	}

	@Test
	void otherSchemaIsRefused() {
		try (AnnotatedBatch other = numbers("other")) {
			refused(SchemaMismatchException.class, "Schema mismatch", stored(List.of(numbers("n")), other));
		}
	}

	@Test
	void exactlyOneDataBatchIsExpected() {
		try (AnnotatedBatch model = numbers("n")) {
			refused(CorruptStreamException.class, "multiple data batches",
					stored(List.of(numbers("n"), numbers("n")), model));
			refused(CorruptStreamException.class, "no data batch", stored(List.of(), model));
		}
		assertThat(this.pauses.pauses()).isEmpty();
	}

	@Test
	void storedPointerIsALoop() {
		try (AnnotatedBatch model = numbers("n")) {
			BatchMetadata location = BatchMetadata.of(MetadataKeys.LOCATION, "https://storage.example/x");
			refused(PointerLoopException.class, "Redirect loop",
					stored(List.of(model.zeroRows(location, this.allocator)), model));
			refused(PointerLoopException.class, "Redirect loop",
					stored(List.of(numbers("n").withMetadata(location)), model));
		}
	}

	@Test
	void storedErrorIsRaised() {
		try (AnnotatedBatch model = numbers("n")) {
			BatchMetadata error = new LogMessage(LogMessage.EXCEPTION, "ValueError: no", Map.of()).toMetadata();
			refused(ErrorBatchException.class, "no", stored(List.of(model.zeroRows(error, this.allocator)), model));
		}
	}

	@Test
	void missingObjectIsTriedAgainAndNamesNoSignature() {
		try (AnnotatedBatch model = numbers("n")) {
			URI missing = this.storage.generateUploadUrl(new Schema(List.of())).downloadUrl();
			assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> resolver().resolve(
						model.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, missing.toString()), this.allocator),
						this.allocator, LogSink.discarding()))
				.withMessageContaining("3 attempts")
				.satisfies((ex) -> assertThat(ex.getSuppressed()).hasSize(2))
				.satisfies((ex) -> assertThat(ex.toString() + ex.getCause()).doesNotContainIgnoringCase("signature="));
		}
		assertThat(this.pauses.pauses()).hasSize(2);
	}

	@Test
	void foreignAndBrokenUrlsAreRefused() {
		try (AnnotatedBatch model = numbers("n")) {
			for (String url : List.of("http://storage.example/x?s3cret", "not a url s3cret", "mailto:s3cret",
					"http://127.0.0.1:1/actuator/health?s3cret")) {
				assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> resolver().resolve(
						model.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, url), this.allocator), this.allocator,
						LogSink.discarding()))
					.withMessageNotContaining("s3cret");
			}
		}
	}

	private void refused(Class<? extends RuntimeException> type, String message, AnnotatedBatch pointer) {
		assertThatExceptionOfType(type)
			.isThrownBy(() -> resolver().resolve(pointer, this.allocator, LogSink.discarding()))
			.withMessageContaining(message);
	}

	private AnnotatedBatch pointer(AnnotatedBatch batch) {
		return externalizer(0, null, this.storage, false).externalize(OutputCycle.of(batch)).data();
	}

	private AnnotatedBatch stored(List<AnnotatedBatch> batches, AnnotatedBatch model) {
		Schema schema = batches.isEmpty() ? model.schema() : batches.get(0).schema();
		URI url = Objects.requireNonNull(externalizer(0, null, this.storage, false).store(schema, batches, false));
		batches.forEach(AnnotatedBatch::close);
		return model.zeroRows(BatchMetadata.of(MetadataKeys.LOCATION, url.toString()), this.allocator);
	}

	private AnnotatedBatch numbers(String name) {
		BigIntVector vector = new BigIntVector(name, this.allocator);
		vector.allocateNew(ROWS);
		for (int i = 0; i < ROWS; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(ROWS);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

	private Externalizer externalizer(long threshold, @Nullable Compression compression,
			@Nullable ExternalStorage storage, boolean inlineOnFailure) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withStorage(storage)
			.withExternalizeThreshold(threshold)
			.withCompression(compression)
			.withInlineOnFailure(inlineOnFailure);
		return new Externalizer(config, resources(), this.allocator);
	}

	private TransferResources resources() {
		return new TransferResources(this.transport, this.budget, this.slabs, TransferThreads.platform(),
				TransferListener.none());
	}

	private LocationResolver resolver() {
		UrlValidator own = (url) -> {
			if (!this.storage.isOwn(url)) {
				throw new UrlRejectedException(url, "it is not ours");
			}
		};
		return resolver(own);
	}

	private LocationResolver resolver(UrlValidator policy) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withStorage(this.storage)
			.withUrlValidator(policy);
		return new LocationResolver(config, resources(), this.pauses.policy(config.maxRetries()));
	}

	private static final class RefusingStorage implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UploadRefusedException("The folder is full", null);
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public String name() {
			return "refusing";
		}

	}

}
