package dev.vgi.external.test;

import java.io.IOException;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.codec.ContentCodec;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import static dev.vgi.external.test.ArrowAssertions.assertThat;
import static dev.vgi.external.test.ArrowAssertions.assertThatBody;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link ArrowAssertions}.
 */
@ExtendWith(ArrowAllocatorExtension.class)
class ArrowAssertionsTests {

	@Test
	void columnsOfARootAreAssertedOneAfterTheOther(BufferAllocator allocator) {
		try (VectorSchemaRoot root = flights(allocator)) {
			assertThat(root).hasRows(3)
				.hasColumns("carrier", "delay")
				.column("delay")
				.containsExactly(5, 12, null)
				.hasNullCount(1)
				.hasType(new ArrowType.Int(64, true))
				.column("carrier")
				.containsOnly("UA", "AA")
				.and()
				.hasRows(3)
				.row(1)
				.containsEntry("carrier", "AA")
				.containsEntry("delay", 12L);
			assertThat(root).column("delay").filteredOn((delay) -> delay != null).containsExactly(5, 12).isSorted();
			assertThat(root).column("delay").first().isEqualTo(5L);
			assertThat((Object) root).asInstanceOf(ArrowAssertions.VECTOR_SCHEMA_ROOT).hasSchema(root.getSchema());
			assertThat(List.of(root)).singleElement(ArrowAssertions.VECTOR_SCHEMA_ROOT).hasRows(3);
		}
	}

	@Test
	void failuresSayWhatIsThere(BufferAllocator allocator) {
		try (VectorSchemaRoot root = flights(allocator)) {
			fails(() -> assertThat(root).hasRows(4), "Expected 4 rows but there are 3", "[carrier, delay]");
			fails(() -> assertThat(root).as("flights").hasRows(4), "[flights]");
			fails(() -> assertThat(root).hasColumns("delay"), "[delay]", "[carrier, delay]");
			fails(() -> assertThat(root).column("dela"), "'dela'", "[carrier, delay]");
			fails(() -> assertThat(root).row(3), "row 3", "only 3");
			fails(() -> assertThat(root).hasSchema(new Schema(List.of())), "Schema<>", "delay: Int(64, true)");
			fails(() -> assertThat(root).hasSchemaMetadata("a", "b"), "a=b", "{}");
			fails(() -> assertThat(root).column("delay").containsExactly(5, 13, null), "[column 'delay']", "13", "12",
					"when comparing values using the value of numbers");
			fails(() -> assertThat(root).column("delay").hasNullCount(0), "'delay'", "1 in [5, 12, null]");
			fails(() -> assertThat(root).column("delay").hasType(ArrowType.Utf8.INSTANCE), "'delay'", "Utf8",
					"Int(64, true)");
			fails(() -> assertThat((VectorSchemaRoot) null).hasRows(0), "not to be null");
		}
	}

	@Test
	void numbersAreComparedByValue(BufferAllocator allocator) {
		try (UInt8Vector vector = new UInt8Vector("v", allocator); IntVector narrow = new IntVector("n", allocator)) {
			vector.setSafe(0, -1);
			vector.setSafe(1, 7);
			vector.setValueCount(2);
			narrow.setSafe(0, 7);
			narrow.setValueCount(1);
			try (VectorSchemaRoot root = new VectorSchemaRoot(List.<FieldVector>of(vector))) {
				assertThat(root).column("v").containsExactly(new BigInteger("18446744073709551615"), 7);
			}
			try (VectorSchemaRoot root = new VectorSchemaRoot(List.<FieldVector>of(narrow))) {
				assertThat(root).column("n").containsExactly(7L).doesNotContain(7.5);
			}
		}
	}

	@Test
	void metadataAndDictionariesOfABatchAreSeen(BufferAllocator allocator) {
		try (AnnotatedBatch batch = SampleBatches.dictionaries(allocator, 3)) {
			assertThat(batch).hasMetadata("n", "1")
				.doesNotHaveMetadata("m")
				.isNotPointer()
				.column("first")
				.containsExactly("red", "green", "blue")
				.column("second")
				.containsExactly("blue", null, "red")
				.column("inList")
				.contains(List.of(), List.of("Oslo"))
				.column("inStruct")
				.first()
				.isEqualTo(Map.of("size", "S"));
			fails(() -> assertThat(batch).hasMetadata("n", "2"), "n=2", "[1]");
			fails(() -> assertThat(batch).hasMetadata("m", "2"), "only the keys [[n]]");
			fails(() -> assertThat(batch).doesNotHaveMetadata("n"), "[1]");
			fails(() -> assertThat(batch).isPointer(), "3 rows", "[[n]]");
		}
	}

	@Test
	void pointerIsRecognizedAndItsUrlIsNotShown(BufferAllocator allocator) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, "https://bucket.example/key?Signature=secret");
		Schema schema = new Schema(List.of(Field.nullable("v", new ArrowType.Int(32, true))));
		try (AnnotatedBatch pointer = AnnotatedBatch.empty(schema, metadata, allocator)) {
			assertThat(pointer).isPointer().hasRows(0).column("v").isEmpty();
			fails(() -> assertThat(pointer).isNotPointer(), MetadataKeys.LOCATION);
			fails(() -> assertThat(pointer).hasMetadata(MetadataKeys.LOCATION, "x"), "bucket.example");
			assertThatExceptionOfType(AssertionError.class)
				.isThrownBy(() -> assertThat(pointer).hasMetadata(MetadataKeys.LOCATION, "x"))
				.withMessageNotContaining("secret");
		}
	}

	@Test
	void bytesOfAStreamAreOneTableWhateverTheirCoding(BufferAllocator allocator) throws IOException {
		byte[] stream;
		try (AnnotatedBatch batch = AnnotatedBatch.of(flights(allocator))) {
			stream = SampleBatches.stream(batch, new LogMessage("INFO", "hello", Map.of()));
		}
		for (String coding : new String[] { "identity", "zstd", "gzip" }) {
			ContentCodec codec = ContentCodec.forCoding(coding);
			byte[] bytes = stream;
			if (codec != null) {
				java.io.ByteArrayOutputStream coded = new java.io.ByteArrayOutputStream();
				try (var out = codec.encode(coded, stream.length)) {
					out.write(stream);
				}
				bytes = coded.toByteArray();
			}
			assertThatBody(bytes).hasRows(3).isNotPointer().column("delay").containsExactly(5, 12, null);
			assertThat(bytes).asInstanceOf(ArrowAssertions.ARROW_BODY).hasRows(3);
		}
	}

	@Test
	void readerIsReadBatchByBatchOrToItsEnd(BufferAllocator allocator) throws IOException {
		byte[] stream;
		try (AnnotatedBatch batch = AnnotatedBatch.of(flights(allocator))) {
			stream = SampleBatches
				.bytes(dev.vgi.external.batch.IpcStreamWriter.gather(batch.schema(), List.of(batch, batch, batch)));
		}
		try (ArrowReader reader = new ArrowStreamReader(new java.io.ByteArrayInputStream(stream), allocator)) {
			assertThat(reader).nextBatch().hasRows(3).column("delay").containsExactly(5, 12, null);
			assertThat(reader).hasRows(6).column("carrier").hasSize(6);
			assertThat(reader).hasNoMoreBatches();
			fails(() -> assertThat(reader).nextBatch(), "at its end");
		}
	}

	@Test
	void everyTypeHasAValue(BufferAllocator allocator) {
		for (AnnotatedBatch each : List.of(SampleBatches.flat(allocator, 10), SampleBatches.nested(allocator, 10),
				SampleBatches.times(allocator), SampleBatches.runs(allocator))) {
			try (AnnotatedBatch batch = each) {
				for (Field field : batch.schema().getFields()) {
					assertThat(batch).column(field.getName()).hasSize(batch.rowCount());
				}
			}
		}
	}

	private static VectorSchemaRoot flights(BufferAllocator allocator) {
		VarCharVector carrier = SampleBatches.texts(allocator, "carrier", "UA", "AA", "UA");
		BigIntVector delay = new BigIntVector("delay", allocator);
		delay.setSafe(0, 5);
		delay.setSafe(1, 12);
		delay.setValueCount(3);
		return new VectorSchemaRoot(List.of(carrier, delay));
	}

	private static void fails(org.assertj.core.api.ThrowableAssert.ThrowingCallable assertion, String... parts) {
		assertThatExceptionOfType(AssertionError.class).isThrownBy(assertion)
			.satisfies((ex) -> assertThat(ex.getMessage()).contains(parts));
	}

}
