package dev.vgi.external.codec;

import org.springframework.util.Assert;

/**
 * How stored objects are compressed. Zstandard is the only algorithm peers write.
 *
 * @param level 1 to 22; the protocol's default is 3
 * @param workers additional threads of the compressor, 0 to compress in the caller's
 */
public record Compression(int level, int workers) {

	private static final Compression DEFAULTS = new Compression(3, 0);

	public Compression {
		Assert.isTrue(level >= 1 && level <= 22, "'level' must be from 1 to 22");
		Assert.isTrue(workers >= 0 && workers <= 64, "'workers' must be from 0 to 64");
	}

	/**
	 * Return the protocol's default: level 3.
	 * @return the shared instance
	 */
	public static Compression defaults() {
		return DEFAULTS;
	}

	/**
	 * Return a copy with another {@code level}.
	 * @param level 1 to 22
	 * @return the copy
	 */
	public Compression withLevel(int level) {
		return new Compression(level, this.workers);
	}

	/**
	 * Return a copy with another {@code workers}.
	 * @param workers additional threads of the compressor, 0 to compress in the caller's
	 * @return the copy
	 */
	public Compression withWorkers(int workers) {
		return new Compression(this.level, workers);
	}

}
