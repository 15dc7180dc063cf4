package dev.vgi.external.transport;

import org.springframework.util.Assert;

/**
 * A range of bytes as in HTTP: both ends are inclusive.
 *
 * @param first position of the first byte
 * @param last position of the last byte
 */
public record ByteRange(long first, long last) {

	public ByteRange {
		Assert.isTrue(first >= 0 && last >= first, "a range must not be empty or negative");
	}

	/**
	 * Return how many bytes the range has.
	 * @return at least 1
	 */
	public long length() {
		return this.last - this.first + 1;
	}

}
