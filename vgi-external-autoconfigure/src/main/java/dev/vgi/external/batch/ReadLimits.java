package dev.vgi.external.batch;

import org.springframework.util.Assert;

/**
 * Limits on the heap objects created from one body or stored object. They are checked
 * while it is read, before anything that it declares is created.
 *
 * @param logBatches most log batches of a body or an object; 10,000
 * @param metadataSize most bytes of the metadata of a batch, keys and values, and of a
 * schema with all its fields; each entry counts for at least 16 bytes; 1 MiB
 * @param fields most fields of a schema, nested ones included; 20,000
 */
public record ReadLimits(int logBatches, long metadataSize, int fields) {

	/** Cost of an entry of metadata, however short it is. */
	static final int MIN_ENTRY = 16;

	private static final ReadLimits DEFAULTS = new ReadLimits(10_000, 1 << 20, 20_000);

	/** Message bytes that a field needs for tables, offsets and names. */
	private static final int MESSAGE_BYTES_PER_FIELD = 256;

	/** Message bytes that metadata needs, as a multiple of its size. */
	private static final int MESSAGE_BYTES_PER_METADATA = 4;

	private static final int MESSAGE_SLACK = 1 << 16;

	public ReadLimits {
		Assert.isTrue(logBatches >= 0, "'logBatches' must not be negative");
		Assert.isTrue(metadataSize > 0 && metadataSize <= 1 << 28, "'metadataSize' must be from 1 to 256 MiB");
		Assert.isTrue(fields > 0, "'fields' must be positive");
	}

	/**
	 * Return the default limits.
	 * @return the defaults
	 */
	public static ReadLimits defaults() {
		return DEFAULTS;
	}

	/**
	 * Return a copy with another {@code logBatches}.
	 * @param logBatches most log batches of a body or an object
	 * @return the copy
	 */
	public ReadLimits withLogBatches(int logBatches) {
		return new ReadLimits(logBatches, this.metadataSize, this.fields);
	}

	/**
	 * Return a copy with another {@code metadataSize}.
	 * @param metadataSize most bytes of the metadata of a batch, keys and values, and of
	 * a schema with all its fields; each entry counts for at least 16 bytes
	 * @return the copy
	 */
	public ReadLimits withMetadataSize(long metadataSize) {
		return new ReadLimits(this.logBatches, metadataSize, this.fields);
	}

	/**
	 * Return a copy with another {@code fields}.
	 * @param fields most fields of a schema, nested ones included
	 * @return the copy
	 */
	public ReadLimits withFields(int fields) {
		return new ReadLimits(this.logBatches, this.metadataSize, fields);
	}

	/**
	 * Return the maximum length of a message's head, which is completely on the heap
	 * while the message is read.
	 * @return more than a schema or a batch within these limits needs
	 */
	int maxMessageSize() {
		long size = MESSAGE_SLACK + MESSAGE_BYTES_PER_METADATA * this.metadataSize
				+ (long) MESSAGE_BYTES_PER_FIELD * this.fields;
		return (int) Math.min(size, 1 << 30);
	}

	void checkLogBatches(int count) {
		if (count > this.logBatches) {
			throw new LimitExceededException("There are more than " + this.logBatches + " log batches", "log-batches");
		}
	}

	void checkMetadataSize(long size) {
		if (size > this.metadataSize) {
			throw new LimitExceededException(
					"The metadata of a batch or a schema has more than " + this.metadataSize + " bytes",
					"metadata-size");
		}
	}

	void checkFields(int count) {
		if (count > this.fields) {
			throw new LimitExceededException(
					"The schema has more than " + this.fields + " fields, nested ones included", "fields");
		}
	}

	void checkMessageSize(int length) {
		if (length > maxMessageSize()) {
			// Why the head is so long is unknown before it is read.
			throw new LimitExceededException(
					"A message declares " + length + " bytes before its body, more than its metadata and up to "
							+ this.fields + " fields (vgi.external.limits.fields) may need",
					"metadata-size");
		}
	}

}
