package dev.vgi.external.test;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.rpc.ArrowField;
import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.mapping.ValueMappings;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ColumnValues}: they are those of the typed methods.
 */
@ExtendWith(ArrowAllocatorExtension.class)
class ColumnValuesTests {

	@Test
	void valuesAreThoseOfTypedMethods(BufferAllocator allocator) {
		Everything everything = new Everything("Łódź", new byte[] { 1, 2 }, 1L << 40, 7, 2.5, true, List.of("a", "b"),
				Map.of("k", 1L), Color.RED, new BigDecimal("1.5000"), LocalDate.of(2026, 11, 30),
				LocalDateTime.parse("2026-11-30T10:00:00.000001"), Instant.parse("2026-11-30T10:00:00Z"),
				LocalTime.of(1, 2, 3, 4000), Duration.ofMillis(1500), 255, new BigInteger("18446744073709551615"),
				null);
		RecordRow row = ValueMappings.ofRecord(Everything.class);
		try (AnnotatedBatch batch = row.write(everything, BatchMetadata.empty(), allocator, (embedded) -> {
		})) {
			assertThat(batch.root().getFieldVectors()).extracting((vector) -> value(vector, batch))
				.containsExactly(everything.text(), everything.bytes(), everything.large(), 7L, 2.5, true,
						everything.list(), everything.map(), "RED", everything.decimal(), everything.date(),
						everything.local(), everything.instant(), everything.time(), everything.duration(), 255,
						everything.unsigned(), null);
			Everything read = (Everything) row.read(batch, allocator, (embedded) -> {
			});
			assertThat(read).usingRecursiveComparison().isEqualTo(everything);
		}
	}

	private static Object value(FieldVector vector, AnnotatedBatch batch) {
		return ColumnValues.of(vector, batch.dictionaries()).get(0);
	}

	@Test
	void numbersAreEqualByValueAndOrdered() {
		assertThat(ColumnValues.compare(1, 1L)).isZero();
		assertThat(ColumnValues.compare(new BigDecimal("1.0"), 1)).isZero();
		assertThat(ColumnValues.compare(0.5f, 0.5)).isZero();
		assertThat(ColumnValues.compare(Double.NaN, Float.NaN)).isZero();
		assertThat(ColumnValues.compare((1L << 60) + 1, 1L << 60)).isPositive();
		assertThat(ColumnValues.compare(1, 2L)).isNegative();
		assertThat(ColumnValues.compare(List.of(1, 2), List.of(1L, 2L))).isZero();
		assertThat(ColumnValues.compare(Map.of("a", 1), Map.of("a", 1L))).isZero();
		assertThat(ColumnValues.compare(new byte[] { 1 }, new byte[] { 1 })).isZero();
		assertThat(ColumnValues.compare("a", "b")).isNegative();
		assertThat(ColumnValues.compare("1", 1)).isNotZero();
		assertThat(ColumnValues.compare(null, 1)).isNotZero();
		assertThat(ColumnValues.compare(null, null)).isZero();
	}

	enum Color {

		RED, GREEN

	}

	record Everything(String text, byte[] bytes, long large, int small, double fraction, boolean flag,
			List<String> list, Map<String, Long> map, Color color, BigDecimal decimal, LocalDate date,
			LocalDateTime local, Instant instant, LocalTime time, Duration duration,
			@ArrowField(ArrowField.Type.UINT8) int narrow, @ArrowField(ArrowField.Type.UINT64) BigInteger unsigned,
			@org.jspecify.annotations.Nullable String missing) {

	}

}
