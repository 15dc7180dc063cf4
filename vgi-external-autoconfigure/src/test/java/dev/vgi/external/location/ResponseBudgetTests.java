package dev.vgi.external.location;

import java.net.URI;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Tests for {@link ResponseBudget} and what an {@link Externalizer} does with one.
 */
class ResponseBudgetTests {

	private static final long KIB = 1024;

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferResources resources = TransferResources.create();

	private final AtomicInteger uploads = new AtomicInteger();

	@AfterEach
	void nothingIsLeft() {
		this.resources.close();
		this.allocator.close();
	}

	@Test
	void whatIsTooLargeForStorageIsNotUploaded() {
		ResponseBudget budget = new ResponseBudget(null, 64 * KIB);
		// Falling back inline would only evade the limit.
		for (boolean inlineOnFailure : new boolean[] { false, true }) {
			assertThatExceptionOfType(ResponseTooLargeException.class)
				.isThrownBy(() -> externalizer(0, inlineOnFailure).externalize(numbers(9000), budget))
				.withMessageContaining("max_externalized_response_bytes")
				.withMessageContaining("> 65536");
		}
		assertThat(this.uploads).hasValue(0);
		assertThat(budget.externalizedBytes()).isZero();
	}

	@Test
	void allThatOneResponseStoresCountsTogether() {
		ResponseBudget budget = new ResponseBudget(null, 64 * KIB);
		Externalizer externalizer = externalizer(0, false);
		externalizer.externalize(numbers(4000), budget).close();
		assertThat(budget.externalizedBytes()).isBetween(32_000L, 33_000L + KIB);
		externalizer.externalizeData(numbers(3000), budget).close();
		assertThatExceptionOfType(ResponseTooLargeException.class)
			.isThrownBy(() -> externalizer.externalizeData(numbers(3000), budget));
		assertThat(this.uploads).hasValue(2);
	}

	@Test
	void storageRescuesWhatTheBodyHasNoRoomFor() {
		Externalizer externalizer = externalizer(1 << 20, false);
		try (OutputCycle inline = externalizer.externalize(numbers(5000), new ResponseBudget(64 * KIB, null))) {
			assertThat(inline.data().rowCount()).isEqualTo(5000);
		}
		try (OutputCycle rescued = externalizer.externalize(numbers(8000), new ResponseBudget(64 * KIB, null))) {
			assertThat(rescued.data().rowCount()).isZero();
		}
		assertThat(this.uploads).hasValue(1);
	}

	@Test
	void withoutAStorageEverythingStaysInline() {
		Externalizer externalizer = externalizer(0, false, null);
		try (OutputCycle cycle = externalizer.externalize(numbers(8000), new ResponseBudget(KIB, KIB))) {
			assertThat(cycle.data().rowCount()).isEqualTo(8000);
		}
	}

	@Test
	void aBodyMayFillItsLimit() {
		ResponseBudget budget = new ResponseBudget(64 * KIB, null);
		assertThatNoException().isThrownBy(() -> budget.requireInline(64 * KIB));
		assertThatExceptionOfType(ResponseTooLargeException.class).isThrownBy(() -> budget.requireInline(64 * KIB + 1))
			.withMessage("HTTP body exceeds max_response_bytes (65537 > 65536)");
		assertThatNoException().isThrownBy(() -> ResponseBudget.unlimited().requireInline(Long.MAX_VALUE));
	}

	@Test
	void theTighterLimitHolds() {
		ResponseBudget own = new ResponseBudget(100 * KIB, 7L);
		assertThat(own.tightenedTo(null)).isSameAs(own);
		assertThat(own.tightenedTo(200 * KIB)).isSameAs(own);
		for (ResponseBudget tight : List.of(own.tightenedTo(80 * KIB),
				ResponseBudget.unlimited().tightenedTo(80 * KIB))) {
			assertThatNoException().isThrownBy(() -> tight.requireInline(80 * KIB));
			assertThatExceptionOfType(ResponseTooLargeException.class)
				.isThrownBy(() -> tight.requireInline(80 * KIB + 1));
		}
	}

	private Externalizer externalizer(long threshold, boolean inlineOnFailure) {
		return externalizer(threshold, inlineOnFailure, new CountingStorage());
	}

	private Externalizer externalizer(long threshold, boolean inlineOnFailure, @Nullable ExternalStorage storage) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withStorage(storage)
			.withExternalizeThreshold(threshold)
			.withInlineOnFailure(inlineOnFailure);
		return new Externalizer(config, this.resources, this.allocator);
	}

	private OutputCycle numbers(int rows) {
		Schema schema = new Schema(List.of(Field.nullable("n", new ArrowType.Int(64, true))));
		VectorSchemaRoot root = VectorSchemaRoot.create(schema, this.allocator);
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		root.setRowCount(rows);
		return OutputCycle.of(AnnotatedBatch.of(root));
	}

	private final class CountingStorage implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			ResponseBudgetTests.this.uploads.incrementAndGet();
			return URI.create("https://storage.example/key");
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public String name() {
			return "counting";
		}

	}

}
