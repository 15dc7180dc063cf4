package dev.vgi.external.rpc;

import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.location.SchemaMismatchException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link ValueMappings} and what it builds.
 */
@NullUnmarked // The compiler of JDK 17 does not see array element annotations in class
				// files.
class ValueMappingsTests {

	private final BufferAllocator allocator = new RootAllocator();

	@AfterEach
	void everythingIsFreed() {
		this.allocator.close();
	}

	@Test
	void namesParametersWithUnderscoresUnlessTold() {
		assertThat(parameters("names").schema().getFields()).extracting(Field::getName)
			.containsExactly("plain", "camel_case", "Told");
	}

	@Test
	void derivesTheTypesOfAPythonPeer() {
		assertThat(types("scalars")).containsExactly("Utf8", "Binary", "Int(64, true)", "Int(64, true)",
				"FloatingPoint(DOUBLE)", "FloatingPoint(DOUBLE)", "Bool", "Decimal(20, 4, 128)", "Date(DAY)",
				"Timestamp(MICROSECOND, null)", "Timestamp(MICROSECOND, UTC)", "Time(MICROSECOND, 64)",
				"Duration(MICROSECOND)");
		assertThat(types("narrow")).containsExactly("Int(8, true)", "Int(16, true)", "Int(32, true)", "Int(8, false)",
				"Int(16, false)", "Int(32, false)", "Int(64, false)", "FloatingPoint(SINGLE)", "LargeUtf8",
				"LargeBinary", "FixedSizeBinary(8)", "Decimal(10, 2, 128)");
	}

	@Test
	void onlyOptionalValuesAreNullable() {
		Schema schema = parameters("optionals").schema();
		assertThat(schema.getFields()).extracting(Field::isNullable).containsExactly(true, true, true, true, false);
		assertThat(result("scalars").schema().getFields()).extracting(Field::isNullable).containsExactly(false);
		assertThat(result("optionals").schema().getFields()).extracting(Field::isNullable).containsExactly(true);
	}

	@Test
	void elementsOfContainersAreDeclaredNullableAsPeersDo() {
		List<Field> fields = parameters("containers").schema().getFields();
		assertThat(fields.get(0).getChildren().get(0).isNullable()).isTrue();
		Field entries = fields.get(4).getChildren().get(0);
		assertThat(entries.isNullable()).isFalse();
		assertThat(entries.getChildren()).extracting(Field::getName).containsExactly("key", "value");
		assertThat(entries.getChildren()).extracting(Field::isNullable).containsExactly(false, true);
	}

	@Test
	void voidHasNoColumn() {
		assertThat(result("names").schema().getFields()).isEmpty();
	}

	@Test
	void scalarsSurvive() {
		assertSurvives("scalars", "grüße", new byte[] { 0, 1, -1 }, 42L, -7, 1.5, 2.5F, true,
				new BigDecimal("1234567890123456.7891"), LocalDate.of(1969, 12, 31),
				LocalDateTime.of(1905, 4, 25, 12, 0, 0, 123_456_000), Instant.parse("2026-04-25T12:00:00.123456Z"),
				LocalTime.of(23, 59, 59, 999_999_000), Duration.ofDays(-3).plusNanos(1000));
	}

	@Test
	void extremesOfNarrowNumbersSurvive() {
		assertSurvives("narrow", (byte) -128, (short) -32768, Integer.MIN_VALUE, 255, 65535, 4294967295L,
				new BigInteger("18446744073709551615"), 0.5, "large", new byte[] { 1 }, new byte[8],
				new BigDecimal("-12345678.90"));
	}

	@Test
	void containersSurvive() {
		Map<String, Long> ordered = new LinkedHashMap<>();
		ordered.put("z", 1L);
		ordered.put("a", 2L);
		assertSurvives("containers", List.of("a", "b"), List.of(List.of(1L, 2L), List.of(3L), List.of()),
				Set.of(1L, 2L), Arrays.asList(1L, null, 3L), ordered, Map.of("k", new BigDecimal("1.5000")));
		assertThat(survivor("containers", 4, ordered)).hasToString("{z=1, a=2}");
	}

	@Test
	void emptyContainersSurvive() {
		assertSurvives("containers", List.of(), List.of(), Set.of(), List.of(), Map.of(), Map.of());
	}

	@Test
	void dictionariesSurviveAtAnyDepth() {
		assertSurvives("dictionaries", Status.CLOSED, List.of(Status.ACTIVE, Status.PENDING, Status.ACTIVE), "text",
				List.of("a", "b", "a"), Map.of("k", Status.ACTIVE));
	}

	@Test
	void aTextOfADictionaryIsOneObject() {
		RowMapping mapping = parameters("dictionaries");
		List<String> texts = new ArrayList<>();
		for (int i = 0; i < 1_000; i++) {
			texts.add((i % 2 == 0) ? "even" : "odd");
		}
		try (AnnotatedBatch batch = write("dictionaries", Status.CLOSED, List.of(), "text", texts, Map.of())) {
			List<?> read = (List<?>) mapping.read(batch, this.allocator, (each) -> {
			})[3];
			assertThat(read).isEqualTo(texts).allSatisfy((text) -> assertThat(text).isIn("even", "odd"));
			Set<Object> objects = Collections.newSetFromMap(new IdentityHashMap<>());
			objects.addAll(read);
			assertThat(objects).hasSize(2);
		}
	}

	@Test
	void missingValuesSurvive() {
		assertSurvives("optionals", null, null, Optional.empty(), Optional.empty(), 5);
		assertSurvives("optionals", "text", 7, Optional.of("there"), Optional.of(new Point(1, 2)), 5);
	}

	@Test
	void recordsSurviveAsStreams() {
		assertThat(types("records")).containsExactly("Binary", "Binary", "List", "Binary");
		assertSurvives("records", new Point(1.5, 2.5),
				new Box(new Point(0, 10), null, "box", List.of(new Point(1, 2)), Status.ACTIVE, List.of(Status.CLOSED)),
				List.of(new Point(5, 6)), null);
	}

	@Test
	void embeddedBatchesSurvive() throws Exception {
		RowMapping mapping = parameters("embedded");
		List<AutoCloseable> embedded = new ArrayList<>();
		Schema schema = new Schema(List.of(Field.nullable("x", ArrowType.Utf8.INSTANCE)));
		VectorSchemaRoot root = VectorSchemaRoot.create(schema, this.allocator);
		((VarCharVector) root.getVector(0)).setSafe(0, "there".getBytes(StandardCharsets.UTF_8));
		root.setRowCount(1);
		AnnotatedBatch batch = AnnotatedBatch.of(root).withMetadata(BatchMetadata.of("k", "v"));
		try (AnnotatedBatch row = mapping.write(new Object[] { new Embedded(batch, schema), root },
				BatchMetadata.empty(), this.allocator, embedded::add)) {
			assertThat(embedded).containsExactly(batch, root);
			embedded.clear();
			@Nullable Object[] read = mapping.read(row, this.allocator, embedded::add);
			Embedded value = (Embedded) read[0];
			assertThat(value).isNotNull();
			assertThat(value.batch().metadata().get("k")).isEqualTo("v");
			assertThat(value.schema()).isEqualTo(schema);
			assertThat(embedded).hasSize(2);
		}
		assertThat(((AnnotatedBatch) embedded.get(0)).root().contentToTSVString()).contains("there");
		for (AutoCloseable each : embedded) {
			each.close();
		}
		batch.close();
	}

	@Test
	void whatDoesNotFitIsRefusedWithItsName() {
		assertThatIllegalArgumentException().isThrownBy(() -> write("unsigned", new BigInteger("18446744073709551616")))
			.withMessageContaining("'value'")
			.withMessageContaining("uint64");
		assertThatIllegalArgumentException().isThrownBy(() -> write("unsigned", BigInteger.ONE.negate()));
		assertThatIllegalArgumentException().isThrownBy(() -> write("unsigned", new Object[] { null }))
			.withMessageContaining("'value' must not be null");
		assertThatIllegalArgumentException().isThrownBy(() -> write("decimal", new BigDecimal("1.23456")))
			.withMessageContaining("decimal128(20, 4)");
		assertThatIllegalArgumentException().isThrownBy(() -> write("fixed", new byte[7]))
			.withMessageContaining("8 bytes");
	}

	@Test
	void whatJavaCannotHoldIsRefused() {
		try (AnnotatedBatch batch = write("unsigned", new BigInteger("18446744073709551615"))) {
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> parameters("signedView").read(batch, this.allocator, (each) -> {
				}))
				.withMessageContaining("'value' 18446744073709551615 does not fit Long");
		}
	}

	@Test
	void anUnknownEnumNameIsRefused() {
		try (AnnotatedBatch batch = write("dictionaryText", "UNKNOWN")) {
			RowMapping mapping = parameters("dictionaryEnum");
			mapping.check(batch);
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> mapping.read(batch, this.allocator, (each) -> {
				}))
				.withMessageContaining("'UNKNOWN' is not a Status");
		}
	}

	@Test
	void otherSchemasAreRefused() {
		try (AnnotatedBatch batch = write("unsigned", BigInteger.ONE)) {
			for (String other : List.of("decimal", "dictionaryText", "renamed", "maybe", "names", "nothing")) {
				assertThatExceptionOfType(SchemaMismatchException.class).as(other)
					.isThrownBy(() -> parameters(other).check(batch));
			}
			parameters("signedView").check(batch);
		}
	}

	@Test
	void signaturesWithoutArrowTypeAreRefused() {
		for (String method : List.of("rawList", "object", "recursive", "wrongExplicit", "bigInteger")) {
			assertThatIllegalArgumentException().as(method)
				.isThrownBy(() -> parameters(method))
				.withMessageContaining("'value'");
		}
	}

	private void assertSurvives(String method, @Nullable Object... values) {
		RowMapping mapping = parameters(method);
		try (AnnotatedBatch batch = write(method, values)) {
			mapping.check(batch);
			List<Object> read = Arrays.<@Nullable Object>asList(mapping.read(batch, this.allocator, (each) -> {
			}));
			assertThat(read).usingRecursiveComparison().isEqualTo(Arrays.asList(values));
		}
	}

	private @Nullable Object survivor(String method, int index, Object value) {
		RowMapping mapping = parameters(method);
		try (AnnotatedBatch batch = write(method, List.of(), List.of(), Set.of(), List.of(), value, Map.of())) {
			return mapping.read(batch, this.allocator, (each) -> {
			})[index];
		}
	}

	private AnnotatedBatch write(String method, @Nullable Object... values) {
		return parameters(method).write(values, BatchMetadata.empty(), this.allocator, (each) -> {
		});
	}

	private List<String> types(String method) {
		return parameters(method).schema().getFields().stream().map((field) -> field.getType().toString()).toList();
	}

	private static RowMapping parameters(String name) {
		return ValueMappings.ofParameters(Arrays.asList(method(name).getParameters()));
	}

	private static RowMapping result(String name) {
		return ValueMappings.ofResult(method(name));
	}

	private static Method method(String name) {
		return Arrays.stream(Signatures.class.getDeclaredMethods())
			.filter((method) -> method.getName().equals(name))
			.findFirst()
			.orElseThrow();
	}

	enum Status {

		PENDING, ACTIVE, CLOSED

	}

	record Point(double x, double y) {

	}

	record Box(Point topLeft, @Nullable Point bottomRight, String label, List<Point> corners, Status status,
			List<Status> history) {

	}

	record Embedded(AnnotatedBatch batch, Schema schema) {

	}

	record Recursive(List<Recursive> children) {

	}

	@SuppressWarnings({ "rawtypes", "unused" })
	interface Signatures {

		void names(String plain, String camelCase, @RpcParam("Told") String renamed);

		String scalars(String string, byte[] bytes, long longValue, int intValue, double doubleValue, float floatValue,
				boolean bool, BigDecimal decimal, LocalDate date, LocalDateTime timestamp, Instant instant,
				LocalTime time, Duration duration);

		void narrow(@ArrowField(ArrowField.Type.INT8) byte int8, @ArrowField(ArrowField.Type.INT16) short int16,
				@ArrowField(ArrowField.Type.INT32) int int32, @ArrowField(ArrowField.Type.UINT8) int uint8,
				@ArrowField(ArrowField.Type.UINT16) int uint16, @ArrowField(ArrowField.Type.UINT32) long uint32,
				@ArrowField(ArrowField.Type.UINT64) BigInteger uint64,
				@ArrowField(ArrowField.Type.FLOAT32) double float32,
				@ArrowField(ArrowField.Type.LARGE_UTF8) String largeString,
				@ArrowField(ArrowField.Type.LARGE_BINARY) byte[] largeBinary,
				@ArrowField(value = ArrowField.Type.FIXED_SIZE_BINARY, width = 8) byte[] fixed,
				@ArrowField(value = ArrowField.Type.DECIMAL128, precision = 10, scale = 2) BigDecimal decimal);

		@Nullable Point optionals(@Nullable String string, @Nullable Integer number, Optional<String> optional,
				Optional<Point> point, Integer boxed);

		void containers(List<String> strings, List<List<Long>> matrix, Set<Long> set, List<@Nullable Long> holes,
				Map<String, Long> map, Map<String, BigDecimal> decimals);

		void dictionaries(Status status, List<Status> statuses, @ArrowField(ArrowField.Type.DICTIONARY) String text,
				List<@ArrowField(ArrowField.Type.DICTIONARY) String> texts, Map<String, Status> byName);

		void records(Point point, Box box, List<Point> points, @Nullable Point missing);

		void embedded(Embedded data, VectorSchemaRoot root);

		void unsigned(@ArrowField(ArrowField.Type.UINT64) BigInteger value);

		void signedView(@ArrowField(ArrowField.Type.UINT64) long value);

		void decimal(BigDecimal value);

		void fixed(@ArrowField(value = ArrowField.Type.FIXED_SIZE_BINARY, width = 8) byte[] value);

		void renamed(@ArrowField(ArrowField.Type.UINT64) BigInteger other);

		void maybe(@ArrowField(ArrowField.Type.UINT64) @Nullable BigInteger value);

		void dictionaryText(@ArrowField(ArrowField.Type.DICTIONARY) String value);

		void dictionaryEnum(Status value);

		void nothing();

		void rawList(List value);

		void object(Object value);

		void recursive(Recursive value);

		void wrongExplicit(@ArrowField(ArrowField.Type.INT8) String value);

		void bigInteger(BigInteger value);

	}

}
