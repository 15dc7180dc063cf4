package dev.vgi.external.rpc.mapping;

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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ForeignStreams;
import dev.vgi.external.batch.UnsupportedStreamException;
import dev.vgi.external.location.SchemaMismatchException;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.ArrowField;
import dev.vgi.external.rpc.RpcParam;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VariableWidthFieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

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

	@ParameterizedTest
	@ValueSource(strings = { "\ud83d", "a\ud83db", "\ude00", "\ude00\ud83d", "a\ud83d\ude00\ud83d" })
	void halfACharacterIsRefusedWithItsName(String text) {
		for (String method : List.of("text", "dictionaryText")) {
			assertThatIllegalArgumentException().isThrownBy(() -> write(method, text))
				.withMessageContaining("'value'")
				.withMessageContaining("half a surrogate pair");
			write(method, "a\ud83d\ude00b?").close();
		}
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

	@ParameterizedTest
	@ValueSource(strings = { "plainText", "largeText", "dictionaryText" })
	void bytesThatAreNoTextAreRefused(String method) {
		assertSurvives(method, "\uFFFD");
		try (AnnotatedBatch batch = write(method, "ab")) {
			FieldVector column = batch.root().getVector(0);
			DictionaryEncoding encoding = column.getField().getDictionary();
			FieldVector texts = (encoding != null) ? batch.dictionaries().lookup(encoding.getId()).getVector() : column;
			texts.getDataBuffer().setByte(1, 0xFF);
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> parameters(method).read(batch, this.allocator, (each) -> {
				}))
				.withMessageContaining("'value' is not UTF-8");
		}
	}

	@Test
	void aDecimalWithMoreDigitsThanDeclaredIsRefused() {
		try (AnnotatedBatch batch = write("decimal", new BigDecimal("9999999999999999.9999"))) {
			DecimalVector values = (DecimalVector) batch.root().getVector(0);
			assertThat(read(parameters("decimal"), batch)).containsExactly(new BigDecimal("9999999999999999.9999"));
			// The sender's 128 bits hold more than its 20 digits.
			values.getDataBuffer().setLong(Long.BYTES, 6);
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> read(parameters("decimal"), batch))
				.withMessageContaining("does not fit decimal128(20, 4)");
		}
	}

	@ParameterizedTest
	@CsvSource({ "15000, 0, 15000.0000", "150000000, 8, 1.5000", "15, -3, 15000.0000", "0, 2000000000, 0.0000",
			"0, -2000000000, 0.0000", "1, 5, ", "1, 2000000000, ", "1, -16, ", "1, -2000000000, " })
	void aDecimalOfAnotherScaleIsReadIfItFits(long unscaled, int scale, @Nullable BigDecimal expected) {
		DecimalVector values = new DecimalVector("value", FieldType.notNullable(new ArrowType.Decimal(38, scale, 128)),
				this.allocator);
		values.allocateNew(1);
		values.set(0, unscaled);
		values.setValueCount(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(values)))) {
			if (expected != null) {
				assertThat(read(parameters("decimal"), batch)).containsExactly(expected);
			}
			else {
				assertThatExceptionOfType(SchemaMismatchException.class)
					.isThrownBy(() -> read(parameters("decimal"), batch))
					.withMessageContaining("does not fit decimal128(20, 4)")
					.satisfies((ex) -> assertThat(ex.getMessage()).hasSizeLessThan(100));
			}
		}
	}

	// A number whose digits would take gigabytes is refused without writing them out
	@ParameterizedTest
	@ValueSource(strings = { "1E+2000000000", "1E-2000000000", "-1E+17", "1E+16", "0.00001", "12345678901234567" })
	void aDecimalThatDoesNotFitIsRefusedInFewWords(BigDecimal value) {
		assertThatIllegalArgumentException().isThrownBy(() -> write("decimal", value))
			.withMessage("'value' " + value + " does not fit decimal128(20, 4)");
	}

	@ParameterizedTest
	@ValueSource(strings = { "0E+2000000000", "0E-2000000000", "1E+15", "-1234567890123456.7891", "0.0001", "1.50000" })
	void aDecimalThatFitsIsWritten(BigDecimal value) {
		try (AnnotatedBatch batch = write("decimal", value)) {
			assertThat(read(parameters("decimal"), batch)).singleElement()
				.satisfies((read) -> assertThat((BigDecimal) read).isEqualByComparingTo(value.stripTrailingZeros())
					.extracting(BigDecimal::scale)
					.isEqualTo(4));
		}
	}

	@Test
	void bytesOfAnotherWidthAreRefused() {
		FixedSizeBinaryVector values = new FixedSizeBinaryVector("value",
				FieldType.notNullable(new ArrowType.FixedSizeBinary(7)), this.allocator);
		values.allocateNew(1);
		values.set(0, new byte[7]);
		values.setValueCount(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(values)))) {
			assertThatExceptionOfType(SchemaMismatchException.class).isThrownBy(() -> read(parameters("fixed"), batch))
				.withMessageContaining("'value' must have 8 bytes, not 7");
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

	@ParameterizedTest
	@MethodSource
	void enumsAreReadFromTextOfAnyTypeByNameOrValue(ArrowType texts, ArrowType.@Nullable Int indices) {
		RowMapping mapping = parameters("dictionaryEnum");
		for (String text : List.of("ACTIVE", "active")) {
			try (AnnotatedBatch batch = text(texts, indices, text)) {
				mapping.check(batch);
				assertThat(read(mapping, batch)).containsExactly(Status.ACTIVE);
			}
		}
		try (AnnotatedBatch batch = text(texts, indices, "Active")) {
			assertThatExceptionOfType(SchemaMismatchException.class).isThrownBy(() -> read(mapping, batch))
				.withMessageContaining("'Active' is not a Status");
		}
	}

	static List<Arguments> enumsAreReadFromTextOfAnyTypeByNameOrValue() {
		List<Arguments> types = new ArrayList<>();
		for (ArrowType texts : List.of(ArrowType.Utf8.INSTANCE, ArrowType.LargeUtf8.INSTANCE,
				ArrowType.Utf8View.INSTANCE)) {
			types.add(Arguments.of(texts, null));
			for (int bits : new int[] { 8, 16, 32, 64 }) {
				types.add(Arguments.of(texts, new ArrowType.Int(bits, true)));
				types.add(Arguments.of(texts, new ArrowType.Int(bits, false)));
			}
		}
		return types;
	}

	@Test
	void aLongTextIsChargedThoughNoEnumKeepsIt() {
		TransferBudget budget = new TransferBudget(1 << 20, 1);
		RowMapping mapping = parameters("dictionaryEnum");
		try (AnnotatedBatch batch = text(ArrowType.Utf8.INSTANCE, null, "x".repeat(1 << 19));
				RequestMemory request = budget.request("a", this.allocator);
				RequestMemory.Bound bound = request.bind()) {
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> mapping.read(batch, RequestMemory.allocator(this.allocator), (owned) -> {
				}));
		}
		assertThat(budget.inUse()).isZero();
	}

	private AnnotatedBatch text(ArrowType texts, ArrowType.@Nullable Int indices, String text) {
		FieldVector values = Field.notNullable("value", texts).createVector(this.allocator);
		((VariableWidthFieldVector) values).setSafe(0, text.getBytes(StandardCharsets.UTF_8));
		values.setValueCount(1);
		if (indices == null) {
			return AnnotatedBatch.of(new VectorSchemaRoot(List.of(values)));
		}
		DictionaryEncoding encoding = new DictionaryEncoding(7, false, indices);
		FieldVector codes = new Field("value", new FieldType(false, indices, encoding), null)
			.createVector(this.allocator);
		codes.setInitialCapacity(1);
		codes.allocateNew();
		((BaseIntVector) codes).setWithPossibleTruncate(0, 0);
		codes.setValueCount(1);
		return new AnnotatedBatch(new VectorSchemaRoot(List.of(codes)),
				new DictionaryProvider.MapDictionaryProvider(new Dictionary(values, encoding)), BatchMetadata.empty());
	}

	@Test
	void enumsAreReadFromTextAtAnyDepth() {
		try (AnnotatedBatch batch = write("textsOfEnums", "PENDING", List.of("closed", "ACTIVE"), Map.of("k", "closed"),
				List.of(new TextBox("active")))) {
			RowMapping mapping = parameters("deepEnums");
			mapping.check(batch);
			assertThat(read(mapping, batch)).containsExactly(Status.PENDING, List.of(Status.CLOSED, Status.ACTIVE),
					Map.of("k", Status.CLOSED), List.of(new StatusBox(Status.ACTIVE)));
		}
	}

	@Test
	void errorsStateTheWholeType() {
		try (AnnotatedBatch batch = write("unsigned", BigInteger.ONE)) {
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> parameters("dictionaryEnum").check(batch))
				.withMessage("expected 'value' as Dictionary(Int(16, true), Utf8) but found Int(64, false)");
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> read(parameters("dictionaryEnum"), batch))
				.withMessage("'value' expected Arrow type Dictionary(Int(16, true), Utf8) but found Int(64, false)");
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> read(parameters("listOfEnums"), batch))
				.withMessage("'value' expected Arrow type List<item: Dictionary(Int(16, true), Utf8)> "
						+ "but found Int(64, false)");
		}
		try (AnnotatedBatch batch = write("dictionaryEnum", Status.ACTIVE)) {
			assertThatExceptionOfType(SchemaMismatchException.class)
				.isThrownBy(() -> parameters("decimal").check(batch))
				.withMessage("expected 'value' as Decimal(20, 4, 128) but found Dictionary(Int(16, true), Utf8)");
		}
	}

	@Test
	void whatCannotBeReadInsideAValueIsNamed() {
		try (AnnotatedBatch batch = write("bytes", ForeignStreams.of("decimal64"))) {
			assertThatExceptionOfType(SchemaMismatchException.class).isThrownBy(() -> read(parameters("schema"), batch))
				.withMessageContaining("'value'")
				.withMessageContaining("Not supported: decimal64 in column 'x'");
			assertThatExceptionOfType(UnsupportedStreamException.class)
				.isThrownBy(() -> read(parameters("batch"), batch))
				.withMessageContaining("decimal64 in column 'x'");
		}
	}

	private List<Object> read(RowMapping mapping, AnnotatedBatch batch) {
		return Arrays.<@Nullable Object>asList(mapping.read(batch, this.allocator, (each) -> {
		}));
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

	@Test
	void readerIsNoValueAndTheErrorSaysWhatIsUsedInstead() {
		assertThatIllegalArgumentException().isThrownBy(() -> parameters("reader"))
			.withMessageContaining("'value'")
			.withMessageContaining("declare a ProducerStream");
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

		PENDING, ACTIVE, CLOSED;

		@Override
		public String toString() {
			return name().toLowerCase(Locale.ROOT);
		}

	}

	record TextBox(String status) {

	}

	record StatusBox(Status status) {

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

		void text(String value);

		void dictionaryText(@ArrowField(ArrowField.Type.DICTIONARY) String value);

		void plainText(String value);

		void largeText(@ArrowField(ArrowField.Type.LARGE_UTF8) String value);

		void dictionaryEnum(Status value);

		void listOfEnums(List<Status> value);

		void bytes(byte[] value);

		void schema(Schema value);

		void batch(AnnotatedBatch value);

		void textsOfEnums(String one, List<String> list, Map<String, String> map, List<TextBox> boxes);

		void deepEnums(Status one, List<Status> list, Map<String, Status> map, List<StatusBox> boxes);

		void nothing();

		void rawList(List value);

		void object(Object value);

		void reader(ArrowReader value);

		void recursive(Recursive value);

		void wrongExplicit(@ArrowField(ArrowField.Type.INT8) String value);

		void bigInteger(BigInteger value);

	}

}
