package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Streams that make much of little: each {@link ReadLimits limit} holds exactly,
 * whichever way a stream is read.
 */
class ReadLimitsTests {

	private static final ReadLimits LIMITS = new ReadLimits(3, 100, 5);

	private static final Schema SCHEMA = new Schema(List.of(column("a", Map.of())));

	private static final BatchMetadata LOG = new LogMessage("INFO", "m", Map.of()).toMetadata();

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void logBatchesAreCountedInAllStreamsOfABody() throws IOException {
		byte[] two = stream(SCHEMA, LOG, LOG);
		byte[] one = stream(SCHEMA, LOG);
		assertAccepted(join(two, one));
		assertRefused(join(two, two), "vgi.external.limits.log-batches", "more than 3 log batches");
	}

	@Test
	void batchesThatAreNoLogsDoNotCount() throws IOException {
		BatchMetadata other = BatchMetadata.of("key", "value");
		assertAccepted(stream(SCHEMA, other, other, other, other, other, LOG));
	}

	@Test
	void metadataOfABatchIsKeysAndValues() throws IOException {
		assertAccepted(stream(SCHEMA, BatchMetadata.of("key", "v".repeat(97))));
		assertRefused(stream(SCHEMA, BatchMetadata.of("key", "v".repeat(98))), "vgi.external.limits.metadata-size",
				"more than 100 bytes");
	}

	@Test
	void metadataOfABatchIsMeasuredInBytes() throws IOException {
		assertRefused(stream(SCHEMA, BatchMetadata.of("k", "\u00e9".repeat(50))), "vgi.external.limits.metadata-size",
				"more than 100 bytes");
	}

	@Test
	void shortEntriesOfMetadataCostMoreThanTheirBytes() throws IOException {
		assertAccepted(stream(SCHEMA, entries(6)));
		assertRefused(stream(SCHEMA, entries(7)), "vgi.external.limits.metadata-size", "more than 100 bytes");
	}

	@Test
	void metadataOfASchemaIsThatOfAllItsFields() throws IOException {
		Map<String, String> fifty = Map.of("k", "v".repeat(49));
		assertAccepted(stream(new Schema(List.of(column("a", fifty)), fifty)));
		assertRefused(stream(new Schema(List.of(column("a", fifty), column("b", Map.of("k", "v"))), fifty)),
				"vgi.external.limits.metadata-size", "more than 100 bytes");
		Field nested = new Field("s", FieldType.nullable(ArrowType.Struct.INSTANCE),
				List.of(column("a", fifty), column("b", Map.of("k", "v"))));
		assertRefused(stream(new Schema(List.of(nested), fifty)), "vgi.external.limits.metadata-size",
				"more than 100 bytes");
	}

	@Test
	void nestedFieldsCount() throws IOException {
		Field struct = new Field("s", FieldType.nullable(ArrowType.Struct.INSTANCE),
				List.of(column("a", Map.of()), column("b", Map.of())));
		assertAccepted(stream(new Schema(List.of(struct, column("c", Map.of()), column("d", Map.of())))));
		assertRefused(stream(new Schema(List.of(struct, struct))), "vgi.external.limits.fields", "more than 5 fields");
	}

	@Test
	void schemaMessageLargerThanAnyAllowedIsRefusedBeforeItIsRead() {
		byte[] prefix = ByteBuffer.allocate(8)
			.order(ByteOrder.LITTLE_ENDIAN)
			.putInt(-1)
			.putInt(ReadLimits.defaults().maxMessageSize() + 1)
			.array();
		assertRefused(prefix, ReadLimits.defaults(), "vgi.external.limits.metadata-size",
				"20000 fields (vgi.external.limits.fields)");
	}

	@Test
	void largestSchemaWithinTheLimitsFitsIntoItsMessage() throws IOException {
		ReadLimits limits = new ReadLimits(0, 20_000 * 20, 20_000);
		List<Field> fields = new ArrayList<>();
		for (int i = 0; i < limits.fields(); i++) {
			fields.add(column("a column with a name that says something " + i,
					Map.of("PARQUET:field_id", String.format("%04d", i % 10_000))));
		}
		assertThat(read(stream(new Schema(fields)), limits, true)).isZero();
	}

	@Test
	void limitsThatMakeNoSenseAreRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> new ReadLimits(-1, 1, 1));
		assertThatIllegalArgumentException().isThrownBy(() -> new ReadLimits(0, 0, 1));
		assertThatIllegalArgumentException().isThrownBy(() -> new ReadLimits(0, Long.MAX_VALUE, 1));
		assertThatIllegalArgumentException().isThrownBy(() -> new ReadLimits(0, 1, 0));
		assertThatIllegalArgumentException().isThrownBy(() -> new ReadLimits(0, (1 << 28) + 1, 1));
		assertThat(new ReadLimits(0, 1 << 28, 1).metadataSize()).isEqualTo(1 << 28);
		assertThat(new ReadLimits(0, 1, 1).fields()).isOne();
	}

	@Test
	void oneLimitIsChangedInACopy() {
		assertThat(LIMITS.withLogBatches(4)).isEqualTo(new ReadLimits(4, 100, 5));
		assertThat(LIMITS.withMetadataSize(4)).isEqualTo(new ReadLimits(3, 4, 5));
		assertThat(LIMITS.withFields(4)).isEqualTo(new ReadLimits(3, 100, 4));
		assertThat(ReadLimits.defaults()).isEqualTo(new ReadLimits(10_000, 1 << 20, 20_000));
	}

	@ParameterizedTest
	@CsvSource({ "1, 1, 65796", "1048576, 20000, 9379840", "268435456, 2147483647, 1073741824" })
	void headOfAMessageMayBeAsLongAsTheLimitsNeed(long metadataSize, int fields, int expected) {
		ReadLimits limits = new ReadLimits(0, metadataSize, fields);
		assertThat(limits.maxMessageSize()).isEqualTo(expected);
		limits.checkMessageSize(expected);
		assertThatExceptionOfType(LimitExceededException.class).isThrownBy(() -> limits.checkMessageSize(expected + 1));
	}

	private static BatchMetadata entries(int count) {
		Map<String, String> entries = new HashMap<>();
		for (int i = 0; i < count; i++) {
			entries.put(Integer.toString(i), "");
		}
		return BatchMetadata.of(entries);
	}

	/** What a batch of one row keeps on a heap of 64 bits, measured. */
	static List<Arguments> batches() {
		Field number = Field.nullable("v", new ArrowType.Int(64, true));
		Field text = Field.nullable("t", ArrowType.Utf8.INSTANCE);
		return List.of(Arguments.of(null, 0, 241), Arguments.of(column("a", Map.of()), 0, 505),
				Arguments.of(column("a", Map.of()), 1, 744), Arguments.of(column("a", Map.of()), 64, 8304),
				Arguments.of(number, 0, 864), Arguments.of(text, 0, 920),
				Arguments.of(nested(ArrowType.List.INSTANCE, number), 0, 1312),
				Arguments.of(nested(ArrowType.Struct.INSTANCE), 0, 1536),
				Arguments.of(nested(ArrowType.Struct.INSTANCE, number, text), 0, 2592),
				Arguments.of(nested(new ArrowType.Union(UnionMode.Sparse, new int[] { 0, 1 }), number, text), 0, 3048),
				Arguments.of(nested(new ArrowType.Union(UnionMode.Dense, new int[] { 0, 1 }), number, text), 0, 3624));
	}

	@ParameterizedTest
	@MethodSource
	void batches(@Nullable Field field, int entries, long heap) throws IOException {
		byte[] bytes = stream(new Schema((field != null) ? List.of(field) : List.of()), entries(entries),
				entries(entries));
		TransferBudget budget = new TransferBudget(1 << 20, 0);
		try (RequestMemory request = budget.request("caller", this.allocator);
				RequestMemory.Bound bound = request.bind();
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
						RequestMemory.allocator(this.allocator))) {
			reader.nextStream();
			try (AnnotatedBatch first = reader.next()) {
				long before = budget.inUse();
				try (AnnotatedBatch second = reader.next()) {
					assertThat(first).isNotNull();
					assertThat(second).isNotNull();
					assertThat(budget.inUse() - before).isBetween(heap, 4 * heap);
				}
				assertThat(budget.inUse()).isEqualTo(before);
			}
		}
		assertThat(budget.inUse()).isZero();
	}

	private static Field nested(ArrowType type, Field... children) {
		return new Field("n", FieldType.nullable(type), List.of(children));
	}

	private static Field column(String name, Map<String, String> metadata) {
		return new Field(name, new FieldType(true, ArrowType.Null.INSTANCE, null, metadata), null);
	}

	private static byte[] join(byte[] first, byte[] second) {
		return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
	}

	private byte[] stream(Schema schema, BatchMetadata... empty) throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, this.allocator)) {
			IpcStreamWriter writer = new IpcStreamWriter(Channels.newChannel(bytes), schema,
					new MapDictionaryProvider());
			for (BatchMetadata metadata : empty) {
				writer.writeEmpty(metadata);
			}
			writer.end();
			writer.close();
		}
		return bytes.toByteArray();
	}

	private void assertAccepted(byte[] bytes) {
		assertThat(read(bytes, LIMITS, true)).isEqualTo(read(bytes, LIMITS, false));
	}

	private void assertRefused(byte[] bytes, String key, String problem) {
		assertRefused(bytes, LIMITS, key, problem);
	}

	private void assertRefused(byte[] bytes, ReadLimits limits, String key, String problem) {
		for (boolean inMemory : new boolean[] { true, false }) {
			assertThatExceptionOfType(LimitExceededException.class).isThrownBy(() -> read(bytes, limits, inMemory))
				.withMessageContainingAll(problem, key)
				.satisfies((ex) -> {
					assertThat(ex.key()).isEqualTo(key);
					assertThat(ex.kind()).isEqualTo(Kind.LIMIT_EXCEEDED);
				});
		}
	}

	private int read(byte[] bytes, ReadLimits limits, boolean inMemory) {
		ReadOptions options = ReadOptions.of(limits);
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
				IpcStreamReader reader = inMemory ? IpcStreamReader.of(body, bytes.length, this.allocator, options)
						: IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length, this.allocator, options)) {
			int batches = 0;
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					batch.close();
					batches++;
				}
			}
			return batches;
		}
	}

}
