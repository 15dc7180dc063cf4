package dev.vgi.external.test;

import java.util.List;

import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * Assertions about batches that have metadata of their own.
 *
 * @param <SELF> the concrete assertions
 * @param <ACTUAL> what has the batches
 */
public abstract class AbstractBatchesAssert<SELF extends AbstractBatchesAssert<SELF, ACTUAL>, ACTUAL>
		extends AbstractTableAssert<SELF, ACTUAL> {

	AbstractBatchesAssert(@Nullable ACTUAL actual, Class<?> selfType) {
		super(actual, selfType);
	}

	/**
	 * Verify that a batch has an entry in its metadata.
	 * @param key its key
	 * @param expected its value
	 * @return this assertion
	 */
	public SELF hasMetadata(String key, String expected) {
		List<BatchMetadata> metadata = table().metadata();
		if (metadata.stream().noneMatch((each) -> expected.equals(each.get(key)))) {
			failWithMessage("%nExpected metadata with %s=%s but %s", key, expected, describe(key));
		}
		return this.myself;
	}

	/**
	 * Verify that no batch has an entry in its metadata.
	 * @param key its key
	 * @return this assertion
	 */
	public SELF doesNotHaveMetadata(String key) {
		if (table().metadata().stream().anyMatch((each) -> each.contains(key))) {
			failWithMessage("%nExpected no metadata with the key %s but %s", key, describe(key));
		}
		return this.myself;
	}

	// A value may be a signed URL.
	private String describe(String key) {
		List<String> values = table().metadata()
			.stream()
			.map((each) -> each.get(key))
			.filter((value) -> value != null)
			.map(RedactedUrl::scrub)
			.toList();
		return values.isEmpty() ? "there are only the keys " + table().metadata() : "it has " + values;
	}

	/**
	 * Verify that every batch is a pointer: it stands for one that is stored elsewhere.
	 * @return this assertion
	 */
	public SELF isPointer() {
		if (table().metadata().isEmpty() || !table().metadata().stream().allMatch(this::isPointer)) {
			failWithMessage("%nExpected pointers but there are %s rows and the metadata %s", table().rowCount(),
					table().metadata());
		}
		return this.myself;
	}

	/**
	 * Verify that no batch is a pointer.
	 * @return this assertion
	 */
	public SELF isNotPointer() {
		if (table().metadata().stream().anyMatch(this::isPointer)) {
			failWithMessage("%nExpected no pointer but there is one with the metadata %s", table().metadata());
		}
		return this.myself;
	}

	private boolean isPointer(BatchMetadata metadata) {
		return BatchKind.of((int) Math.min(1, table().rowCount()), metadata) == BatchKind.POINTER;
	}

}
