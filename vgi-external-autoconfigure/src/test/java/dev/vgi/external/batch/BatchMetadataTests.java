package dev.vgi.external.batch;

import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link BatchMetadata}.
 */
class BatchMetadataTests {

	private static final BatchMetadata AB = BatchMetadata.of("a", "1").with("b", "");

	private static final BatchMetadata POINTER = BatchMetadata.of("own", "x")
		.with(MetadataKeys.LOCATION, "https://h/k?signature=secret")
		.with(MetadataKeys.LOCATION_SHA256, "0f")
		.with(MetadataKeys.RENEWAL, "token")
		.with(MetadataKeys.RENEWAL_PATH, "/renew")
		.with(MetadataKeys.REQUEST_ID, "r");

	@Test
	void valuesAreFoundByKey() {
		assertThat(AB.get("a")).isEqualTo("1");
		assertThat(AB.get("c")).isNull();
		assertThat(AB.contains("b")).as("an empty value").isTrue();
		assertThat(AB.contains("c")).isFalse();
		assertThat(AB.isEmpty()).isFalse();
		assertThat(BatchMetadata.empty().isEmpty()).isTrue();
	}

	@Test
	@NullUnmarked
	void entriesAreCopiedInTheirOrder() {
		Map<String, String> entries = new LinkedHashMap<>();
		for (int i = 9; i >= 0; i--) {
			entries.put("key" + i, "value");
		}
		BatchMetadata metadata = BatchMetadata.of(entries);
		Map<String, String> copy = new LinkedHashMap<>(entries);
		entries.clear();
		assertThat(metadata.asMap()).containsExactlyEntriesOf(copy);
		assertThat(BatchMetadata.of(Map.of())).isSameAs(BatchMetadata.empty());
		assertThatIllegalArgumentException().isThrownBy(() -> BatchMetadata.of((Map<String, String>) null))
			.withMessageContaining("'entries'");
	}

	@Test
	void entriesCannotBeChanged() {
		for (BatchMetadata metadata : new BatchMetadata[] { AB, BatchMetadata.of("a", "1"), BatchMetadata.empty() }) {
			assertThatExceptionOfType(UnsupportedOperationException.class)
				.isThrownBy(() -> metadata.asMap().put("c", "3"));
		}
	}

	@Test
	void lengthIsThatOfKeysAndValues() {
		assertThat(BatchMetadata.empty().length()).isZero();
		assertThat(BatchMetadata.of("key", "value!").with("k", "").length()).isEqualTo(10);
	}

	@Test
	void entryIsAddedOrReplacedInACopy() {
		assertThat(AB.with("c", "3").asMap()).containsExactly(Map.entry("a", "1"), Map.entry("b", ""),
				Map.entry("c", "3"));
		assertThat(AB.with("a", "2").asMap()).containsExactly(Map.entry("a", "2"), Map.entry("b", ""));
		assertThat(AB.with(BatchMetadata.of("b", "4").with("d", "5")).asMap()).containsExactly(Map.entry("a", "1"),
				Map.entry("b", "4"), Map.entry("d", "5"));
		assertThat(AB.asMap()).containsExactly(Map.entry("a", "1"), Map.entry("b", ""));
	}

	@Test
	void entriesAreLeftOutOfACopy() {
		assertThat(AB.without("a", "c").asMap()).containsExactly(Map.entry("b", ""));
		assertThat(AB.without("a", "b")).isSameAs(BatchMetadata.empty());
		assertThat(POINTER.withoutPointerKeys().asMap()).containsExactly(Map.entry("own", "x"),
				Map.entry(MetadataKeys.REQUEST_ID, "r"));
		assertThat(POINTER.withoutProtocolKeys().asMap()).containsExactly(Map.entry("own", "x"));
	}

	@ParameterizedTest
	@ValueSource(strings = { MetadataKeys.LOCATION_SOURCE, MetadataKeys.LOCATION_FETCH_MS })
	void eachNoteOfAResolutionStaysHere(String note) {
		assertThat(AB.with(note, "x").withoutLocalNotes()).isEqualTo(AB);
		assertThat(AB.withoutLocalNotes()).isSameAs(AB);
	}

	@Test
	void equalEntriesAreEqual() {
		BatchMetadata other = BatchMetadata.of("b", "").with("a", "1");
		assertThat(other).isEqualTo(AB).hasSameHashCodeAs(AB).isNotEqualTo(AB.with("a", "2")).isNotEqualTo(AB.asMap());
		assertThat(AB.hashCode()).isNotEqualTo(AB.with("a", "2").hashCode());
	}

	@Test
	void onlyKeysAreShown() {
		assertThat(POINTER.toString()).contains("own", MetadataKeys.LOCATION)
			.doesNotContain("https", "secret", "token");
	}

}
