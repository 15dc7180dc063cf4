package dev.vgi.external.codec;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.GZIPOutputStream;
import java.util.zip.Inflater;

/**
 * The content coding {@code gzip} (RFC 1952), including several members in a row.
 * Verifies header, checksum and length of every member.
 */
final class GzipContentCodec implements ContentCodec {

	/** The coding's name. */
	public static final String CODING = "gzip";

	static final GzipContentCodec INSTANCE = new GzipContentCodec();

	private static final int BUFFER = 1 << 15;

	private GzipContentCodec() {
	}

	static boolean isHead(byte[] head) {
		return head.length >= HEAD && head[0] == 0x1F && head[1] == (byte) 0x8B && head[2] == 8;
	}

	@Override
	public String coding() {
		return CODING;
	}

	@Override
	public Decoder decoder(long maxWindow) {
		return new GzipDecoder();
	}

	@Override
	public long window(ByteBuffer head) {
		return 0;
	}

	@Override
	public InputStream decode(InputStream encoded, long maxWindow) {
		return new DecodingInputStream(CODING, encoded, decoder(maxWindow));
	}

	@Override
	public OutputStream encode(OutputStream target, long size) throws IOException {
		// the deflater's default level is 6
		return new GZIPOutputStream(target, BUFFER);
	}

	private static final class GzipDecoder implements Decoder {

		private static final int HEADER_CRC = 2;

		private static final int EXTRA = 4;

		private static final int NAME = 8;

		private static final int COMMENT = 16;

		private static final int RESERVED = 0xE0;

		private final Inflater inflater = new Inflater(true);

		private final CRC32 crc = new CRC32();

		private State state = State.START;

		private int flags;

		/** How many bytes of the current fixed-size part were read. */
		private int read;

		/** Value of the current fixed-size part, little-endian. */
		private long value;

		/** The expected checksum of the header or the trailer. */
		private long expected;

		private long members;

		@Override
		public boolean decode(ByteBuffer source, ByteBuffer target) throws IOException {
			try {
				while (step(source, target)) {
					// continue until a buffer is used up
				}
			}
			catch (DataFormatException ex) {
				throw Corrupt.encoding(CODING, ex.getMessage(), ex);
			}
			return this.state == State.START && this.read == 0 && this.members > 0;
		}

		// decodes one part of a member, returns whether another may follow
		private boolean step(ByteBuffer source, ByteBuffer target) throws IOException, DataFormatException {
			switch (this.state) {
				case START -> {
					return header(source, 10, State.EXTRA_LENGTH) && checkStart();
				}
				case EXTRA_LENGTH -> {
					if ((this.flags & EXTRA) == 0) {
						this.state = State.NAME;
						return true;
					}
					return header(source, 2, State.EXTRA);
				}
				case EXTRA -> {
					// the value is still the length of this part
					int count = (int) Math.min(this.value, source.remaining());
					this.crc.update(source.slice().limit(count));
					source.position(source.position() + count);
					this.value -= count;
					if (this.value == 0) {
						this.state = State.NAME;
					}
					return this.value == 0;
				}
				case NAME -> {
					return text(source, NAME, State.COMMENT);
				}
				case COMMENT -> {
					return text(source, COMMENT, State.HEADER_CRC);
				}
				case HEADER_CRC -> {
					if ((this.flags & HEADER_CRC) != 0) {
						if (this.read == 0) {
							this.expected = this.crc.getValue();
						}
						if (!header(source, 2, State.BODY)) {
							return false;
						}
						check(this.value == (this.expected & 0xFFFF), "wrong header checksum");
					}
					this.state = State.BODY;
					this.crc.reset();
					return true;
				}
				case BODY -> {
					return inflate(source, target);
				}
				case TRAILER -> {
					if (!header(source, 8, State.START)) {
						return false;
					}
					long length = this.inflater.getBytesWritten() & 0xFFFFFFFFL;
					check(this.value == (this.expected | length << 32), "wrong checksum or length");
					this.inflater.reset();
					this.crc.reset();
					this.members++;
					return true;
				}
			}
			throw new IllegalStateException();
		}

		private boolean inflate(ByteBuffer source, ByteBuffer target) throws IOException, DataFormatException {
			int start = target.position();
			this.inflater.setInput(source);
			int count = this.inflater.inflate(target);
			this.crc.update(target.duplicate().limit(start + count).position(start));
			if (this.inflater.finished()) {
				this.expected = this.crc.getValue();
				this.state = State.TRAILER;
				return true;
			}
			// Either buffer is used up.
			return false;
		}

		private boolean checkStart() throws IOException {
			this.flags = (int) (this.value >> 24) & 0xFF;
			check((this.value & 0xFFFF) == 0x8B1F, "not in gzip format");
			check((this.value >> 16 & 0xFF) == 8, "unknown compression method");
			check((this.flags & RESERVED) == 0, "unknown flags");
			return true;
		}

		// reads a part of fixed size and keeps its first eight bytes
		private boolean header(ByteBuffer source, int size, State next) {
			while (this.read < size) {
				if (!source.hasRemaining()) {
					return false;
				}
				int octet = source.get() & 0xFF;
				this.crc.update(octet);
				if (this.read == 0) {
					this.value = 0;
				}
				if (this.read < Long.BYTES) {
					this.value |= (long) octet << this.read * Byte.SIZE;
				}
				this.read++;
			}
			this.read = 0;
			this.state = next;
			return true;
		}

		private boolean text(ByteBuffer source, int flag, State next) {
			if ((this.flags & flag) == 0) {
				this.state = next;
				return true;
			}
			while (source.hasRemaining()) {
				int octet = source.get();
				this.crc.update(octet);
				if (octet == 0) {
					this.state = next;
					return true;
				}
			}
			return false;
		}

		private static void check(boolean condition, String problem) throws IOException {
			if (!condition) {
				throw Corrupt.encoding(CODING, problem, null);
			}
		}

		@Override
		public long declaredSize(ByteBuffer head) {
			return -1;
		}

		@Override
		public void close() {
			this.inflater.end();
		}

		private enum State {

			START, EXTRA_LENGTH, EXTRA, NAME, COMMENT, HEADER_CRC, BODY, TRAILER

		}

	}

}
