package dev.vgi.external.test;

import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * Assertions about what was stored: its batches, as one table, and how it is coded.
 */
public final class RecordedUploadAssert extends AbstractBatchesAssert<RecordedUploadAssert, RecordedUpload> {

	RecordedUploadAssert(@Nullable RecordedUpload actual) {
		super(actual, RecordedUploadAssert.class);
	}

	@Override
	Table read(RecordedUpload actual) {
		return Table.of(actual.bytes());
	}

	/**
	 * Verify the content coding.
	 * @param expected such as {@code zstd}, or {@code null} for none
	 * @return this assertion
	 */
	public RecordedUploadAssert hasContentCoding(@Nullable String expected) {
		isNotNull();
		String coding = Objects.requireNonNull(this.actual).contentCoding();
		if (!Objects.equals(coding, expected)) {
			failWithMessage("%nExpected the content coding %s but it is %s", expected, coding);
		}
		return this;
	}

}
