package dev.vgi.external.transfer;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.BooleanSupplier;

import dev.vgi.external.Internal;

/**
 * SHA-256 of off-heap memory. Not thread-safe.
 */
@Internal
public final class Sha256 {

	/** The JDK's digest copies a direct buffer in small pieces; arrays are faster. */
	private static final int STEP = 16 * 1024;

	private final MessageDigest digest;

	private final byte[] step;

	/**
	 * Create a digest.
	 * @param size expected number of bytes, or -1 if unknown
	 */
	public Sha256(long size) {
		try {
			this.digest = MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every JDK has SHA-256", ex);
		}
		this.step = new byte[(int) Math.min(STEP, (size > 0) ? size : STEP)];
	}

	/**
	 * Add bytes.
	 * @param bytes read from its position to its limit
	 * @param cancelled asked before each step; stops early if {@code true}
	 */
	public void update(ByteBuffer bytes, BooleanSupplier cancelled) {
		while (bytes.hasRemaining() && !cancelled.getAsBoolean()) {
			int count = Math.min(this.step.length, bytes.remaining());
			bytes.get(this.step, 0, count);
			this.digest.update(this.step, 0, count);
		}
	}

	/**
	 * Return the digest of all bytes so far, and allow for more.
	 * @return 64 lowercase hexadecimal digits; empty if the security provider cannot copy
	 * the state of a digest
	 */
	public String soFar() {
		try {
			return HexFormat.of().formatHex(((MessageDigest) this.digest.clone()).digest());
		}
		catch (CloneNotSupportedException ex) {
			return "";
		}
	}

	/**
	 * Return the digest of all bytes. Call it once.
	 * @return 64 lowercase hexadecimal digits
	 */
	public String finish() {
		return HexFormat.of().formatHex(this.digest.digest());
	}

}
