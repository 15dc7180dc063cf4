package dev.vgi.external.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * The bytes of an input, taken one after the other to decide what a target does. Behind
 * the end there are zeros, so every input is complete. A fuzzer that inserts, removes or
 * repeats bytes changes decisions, and not the framing of what they are about.
 */
final class Script {

	/** Numbers at which something changes its meaning. */
	private static final long[] NUMBERS = { 0, 1, -1, 2, 3, 4, 7, 8, 16, 63, 64, 127, 128, 255, 256, 0x7FFF, 0x8000,
			0xFFFF, 1 << 20, 1 << 24, Integer.MAX_VALUE, Integer.MAX_VALUE - 7L, Integer.MIN_VALUE, 0xFFFF_FFFFL,
			1L << 40, Long.MAX_VALUE, Long.MAX_VALUE - 7, Long.MIN_VALUE };

	private static final int MOST_DAMAGES = 24;

	private final byte[] bytes;

	private int position;

	Script(byte[] bytes) {
		this.bytes = bytes;
	}

	boolean isAtEnd() {
		return this.position >= this.bytes.length;
	}

	int octet() {
		return isAtEnd() ? 0 : this.bytes[this.position++] & 0xFF;
	}

	int below(int bound) {
		return octet() % bound;
	}

	boolean flag() {
		return (octet() & 1) != 0;
	}

	<T> T of(List<T> choices) {
		return choices.get(((choices.size() > 256) ? uint16() : octet()) % choices.size());
	}

	int uint16() {
		return octet() << 8 | octet();
	}

	long number() {
		int choice = octet();
		return (choice < 128) ? NUMBERS[choice % NUMBERS.length] : ByteBuffer.wrap(take(8)).getLong();
	}

	/**
	 * Take bytes.
	 * @param count their number
	 * @return as many, with zeros behind the end
	 */
	byte[] take(int count) {
		byte[] taken = Arrays.copyOfRange(this.bytes, Math.min(this.position, this.bytes.length),
				Math.min(this.position, this.bytes.length) + count);
		this.position += count;
		return taken;
	}

	byte[] rest() {
		return take(Math.max(0, this.bytes.length - this.position));
	}

	/**
	 * Take a text up to the next line feed.
	 * @param charset how bytes become characters
	 * @return the text, may be empty
	 */
	String line(Charset charset) {
		int end = this.position;
		while (end < this.bytes.length && this.bytes[end] != '\n') {
			end++;
		}
		String line = new String(take(Math.max(0, end - this.position)), charset);
		this.position++;
		return line;
	}

	String line() {
		return line(StandardCharsets.UTF_8);
	}

	/**
	 * Damage bytes as the rest of this script says: each damage is an operation, a place
	 * and a value.
	 * @param sound the bytes, unchanged
	 * @return a damaged copy
	 */
	byte[] damage(byte[] sound) {
		byte[] damaged = sound.clone();
		for (int i = 0; i < MOST_DAMAGES && !isAtEnd() && damaged.length > Long.BYTES; i++) {
			int operation = octet();
			int at = uint16() % (damaged.length - Long.BYTES);
			ByteBuffer buffer = ByteBuffer.wrap(damaged).order(ByteOrder.LITTLE_ENDIAN);
			switch (operation % 10) {
				case 0 -> damaged[at] = (byte) octet();
				case 1 -> damaged[at] ^= (byte) (1 << (octet() & 7));
				case 2 -> buffer.putInt(at & ~3, (int) number());
				case 3 -> buffer.putLong(at & ~7, number());
				case 4 -> buffer.putShort(at & ~1, (short) number());
				case 5 -> buffer.putInt(at & ~3, buffer.getInt(at & ~3) + (byte) octet());
				case 6 -> damaged = Arrays.copyOf(damaged, at + octet() % 8);
				case 7 -> System.arraycopy(sound, uint16() % (sound.length - Long.BYTES), damaged, at, Long.BYTES);
				case 8 -> Arrays.fill(damaged, at, at + Long.BYTES, (byte) octet());
				default -> damaged = spliced(damaged, at, octet());
			}
		}
		return damaged;
	}

	// removes up to eight bytes, or inserts some
	private byte[] spliced(byte[] bytes, int at, int how) {
		boolean removes = (how & 8) != 0;
		byte[] inserted = removes ? new byte[0] : take(1 + (how & 7));
		int skipped = removes ? 1 + (how & 7) : 0;
		byte[] result = Arrays.copyOf(bytes, bytes.length + inserted.length - skipped);
		System.arraycopy(inserted, 0, result, at, inserted.length);
		System.arraycopy(bytes, at + skipped, result, at + inserted.length, bytes.length - at - skipped);
		return result;
	}

}
