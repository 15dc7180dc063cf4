package dev.vgi.external.location;

import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link ExternalRef}.
 */
class ExternalRefTests {

	private static final URI URL = URI.create("https://storage.example/x.arrow?X-Amz-Signature=s3cret");

	private static final Schema TEXT = new Schema(List.of(Field.nullable("text", ArrowType.Utf8.INSTANCE)));

	private final BufferAllocator allocator = new RootAllocator();

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@Test
	void thePointerHasLocationAndDigestAndNothingElse() {
		ExternalRef ref = new ExternalRef(URL, "a".repeat(64), TEXT, null);
		try (AnnotatedBatch pointer = pointer(ref, TEXT)) {
			assertThat(pointer.rowCount()).isZero();
			assertThat(pointer.schema()).isEqualTo(TEXT);
			assertThat(pointer.metadata().asMap()).containsOnly(Map.entry(MetadataKeys.LOCATION, URL.toString()),
					Map.entry(MetadataKeys.LOCATION_SHA256, "a".repeat(64)));
		}
		try (AnnotatedBatch pointer = pointer(ref.withoutDigest(), TEXT)) {
			assertThat(pointer.metadata().asMap()).containsOnlyKeys(MetadataKeys.LOCATION);
		}
	}

	@Test
	void anotherSchemaIsRefusedIfItIsKnown() {
		Schema other = new Schema(List.of(Field.nullable("other", ArrowType.Utf8.INSTANCE)));
		assertThatExceptionOfType(SchemaMismatchException.class)
			.isThrownBy(() -> pointer(new ExternalRef(URL, null, other, null), TEXT));
		pointer(ExternalRef.of(URL), TEXT).close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/x?s3cret", "mailto:s3cret", "x?s3cret" })
	void aUrlHasToBeAbsolute(String url) {
		assertThatIllegalArgumentException().isThrownBy(() -> ExternalRef.of(URI.create(url)))
			.withMessageNotContaining("s3cret");
	}

	@Test
	void aDigestHasToLookLikeOne() {
		for (String digest : List.of("", "a".repeat(63), "A".repeat(64), "g".repeat(64))) {
			assertThatIllegalArgumentException().isThrownBy(() -> new ExternalRef(URL, digest, null, null));
		}
	}

	@Test
	void itsTextShowsNoSignature() {
		assertThat(new ExternalRef(URL, null, TEXT, Instant.EPOCH)).hasToString(
				"ExternalRef[url=https://storage.example/x.arrow, sha256=null, expiresAt=1970-01-01T00:00:00Z]");
	}

	private AnnotatedBatch pointer(ExternalRef ref, Schema schema) {
		try (AnnotatedBatch shape = AnnotatedBatch.empty(schema, BatchMetadata.empty(), this.allocator)) {
			return ref.pointerBatch(shape, this.allocator);
		}
	}

}
