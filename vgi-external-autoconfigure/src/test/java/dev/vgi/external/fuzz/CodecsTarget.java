package dev.vgi.external.fuzz;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.compression.BufferCodec;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.codec.ZstdContentCodec;
import net.jpountz.lz4.LZ4FrameInputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import net.jpountz.lz4.LZ4FrameOutputStream.BLOCKSIZE;
import net.jpountz.lz4.LZ4FrameOutputStream.FLG.Bits;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Codings of bodies and of buffers: whatever the pieces in which bytes arrive, the result
 * is the same; it is that of the reference's decoder; and what was encoded decodes to
 * itself.
 */
public final class CodecsTarget {

	private static final int MOST = 1 << 18;

	private static final List<String> CODINGS = List.of("zstd", "gzip");

	private static final List<byte[]> CONTENTS = contents();

	private static final List<byte[]> FRAMES = frames();

	private static final Guard GUARD = new Guard(CodecsTarget::run);

	private static final ByteBuffer SOURCE = ByteBuffer.allocateDirect(1 << 12);

	private static final ByteBuffer TARGET = ByteBuffer.allocateDirect(1 << 12);

	private CodecsTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	private static void run(Script script, BufferAllocator allocator) throws IOException {
		switch (script.below(9)) {
			case 0 -> bodies(script.of(CODINGS), script.octet(), script.octet(), script.rest());
			case 1 -> bodies("zstd", script.octet(), script.octet(), script.damage(zstd(script)));
			case 2 -> bodies("gzip", script.octet(), script.octet(), gzip(script));
			case 3 -> buffer(BufferCodec.LZ4_FRAME, script.uint16(), script.rest(), allocator);
			case 4 ->
				buffer(BufferCodec.LZ4_FRAME, script.uint16(), checked(script.damage(script.of(FRAMES))), allocator);
			case 5 -> buffer(BufferCodec.LZ4_FRAME, script.uint16(), built(script), allocator);
			case 6 -> buffer(BufferCodec.ZSTD, script.uint16(), script.damage(zstd(script)), allocator);
			case 7 -> small(script);
			default -> roundTrip(script.of(CODINGS), script.octet(), script.rest());
		}
	}

	private static List<byte[]> contents() {
		byte[] counted = new byte[3000];
		for (int i = 0; i < counted.length; i++) {
			counted[i] = (byte) (i * i >> 5);
		}
		byte[] noise = new byte[1500];
		new Random(1).nextBytes(noise);
		return List.of(new byte[0], "a short text".getBytes(StandardCharsets.UTF_8), new byte[70_000], counted, noise,
				"abcabcabd".repeat(300).getBytes(StandardCharsets.UTF_8));
	}

	private static List<byte[]> frames() {
		List<byte[]> frames = new ArrayList<>();
		for (byte[] content : CONTENTS) {
			frames.add(lz4(content, Bits.BLOCK_INDEPENDENCE));
			frames.add(lz4(content, Bits.BLOCK_INDEPENDENCE, Bits.CONTENT_SIZE, Bits.CONTENT_CHECKSUM,
					Bits.BLOCK_CHECKSUM));
		}
		return frames;
	}

	private static byte[] lz4(byte[] content, Bits... bits) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		boolean sized = Arrays.asList(bits).contains(Bits.CONTENT_SIZE);
		try (LZ4FrameOutputStream out = sized
				? new LZ4FrameOutputStream(bytes, BLOCKSIZE.SIZE_64KB, content.length, bits)
				: new LZ4FrameOutputStream(bytes, BLOCKSIZE.SIZE_64KB, bits)) {
			out.write(content);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		return bytes.toByteArray();
	}

	private static byte[] zstd(Script script) {
		int how = script.octet();
		byte[] content = script.of(CONTENTS);
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		if ((how & 1) != 0) {
			// a frame that decoders skip
			bytes.writeBytes(new byte[] { 0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3 });
		}
		for (int i = how >> 6; i >= 0; i--) {
			bytes.writeBytes(((how & 2) != 0) ? Zstd.compress(content, 1 + (how >> 2 & 7)) : streamed(content, how));
		}
		return bytes.toByteArray();
	}

	private static byte[] streamed(byte[] content, int how) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (OutputStream out = new ZstdOutputStream(bytes, 1 + (how >> 2 & 7)).setChecksum((how & 32) != 0)) {
			out.write(content);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		return bytes.toByteArray();
	}

	// members with any header, whose content a deflater has written, damaged
	private static byte[] gzip(Script script) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		for (int members = script.below(3); members >= 0; members--) {
			int flags = script.octet();
			ByteArrayOutputStream header = new ByteArrayOutputStream();
			header.writeBytes(new byte[] { 0x1F, (byte) 0x8B, 8, (byte) flags, 0, 0, 0, 0, 0, (byte) 255 });
			if ((flags & 4) != 0) {
				int length = script.octet();
				header.write(length);
				header.write(script.below(8) / 7);
				header.writeBytes(script.take(length));
			}
			if ((flags & 8) != 0) {
				header.writeBytes(script.line().getBytes(StandardCharsets.UTF_8));
				header.write(0);
			}
			if ((flags & 16) != 0) {
				header.writeBytes(script.line().getBytes(StandardCharsets.UTF_8));
				header.write(0);
			}
			if ((flags & 2) != 0) {
				CRC32 crc = new CRC32();
				crc.update(header.toByteArray());
				header.write((int) crc.getValue() + script.below(8) / 7);
				header.write((int) crc.getValue() >> 8);
			}
			bytes.writeBytes(header.toByteArray());
			byte[] content = script.of(CONTENTS);
			bytes.writeBytes(deflated(content, script.below(10)));
			CRC32 crc = new CRC32();
			crc.update(content);
			bytes.writeBytes(ByteBuffer.allocate(8)
				.order(ByteOrder.LITTLE_ENDIAN)
				.putInt((int) crc.getValue())
				.putInt(content.length + script.below(8) / 7)
				.array());
		}
		return script.damage(bytes.toByteArray());
	}

	private static byte[] deflated(byte[] content, int level) {
		Deflater deflater = new Deflater(level, true);
		try {
			byte[] target = new byte[content.length + 200];
			deflater.setInput(content);
			deflater.finish();
			return Arrays.copyOf(target, deflater.deflate(target));
		}
		finally {
			deflater.end();
		}
	}

	// with the checksum of its header, which would hide everything behind it
	private static byte[] checked(byte[] frame) {
		if (frame.length < 7) {
			return frame;
		}
		int size = ((frame[4] & 8) != 0) ? 8 : 0;
		if (frame.length > 6 + size) {
			frame[6 + size] = (byte) (XXHashFactory.fastestInstance().hash32().hash(frame, 4, 2 + size, 0) >> 8);
		}
		return frame;
	}

	// a frame of blocks that a script makes up
	private static byte[] built(Script script) {
		ByteBuffer frame = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
		boolean linked = script.flag();
		frame.putInt(0x184D2204).put((byte) (linked ? 0x40 : 0x60)).put((byte) (0x40 + 0x10 * script.below(4)));
		frame.put((byte) 0);
		for (int blocks = script.below(16); blocks > 0 && frame.remaining() > 2048; blocks--) {
			int start = frame.position();
			frame.putInt(0);
			boolean stored = script.below(5) == 0;
			if (stored) {
				frame.put(script.take(script.octet()));
			}
			else {
				for (int sequences = script.below(6); sequences > 0 && frame.remaining() > 600; sequences--) {
					sequence(script, frame);
				}
				int last = script.below(15);
				frame.put((byte) (last << 4)).put(script.take(last));
			}
			int length = frame.position() - start - Integer.BYTES;
			frame.putInt(start, stored ? length | 0x80000000 : length);
		}
		frame.putInt(0);
		return checked(Arrays.copyOf(frame.array(), frame.position()));
	}

	private static void sequence(Script script, ByteBuffer frame) {
		int token = script.octet();
		frame.put((byte) token);
		int literals = token >> 4;
		if (literals == 15) {
			int more = script.octet();
			frame.put((byte) Math.min(more, 254));
			literals += Math.min(more, 254);
		}
		frame.put(script.take(literals));
		frame.putShort((short) Math.max(1, script.flag() ? script.octet() : script.uint16()));
		if ((token & 15) == 15) {
			int more = script.octet();
			frame.put((byte) more);
			if (more == 255) {
				frame.put((byte) script.below(255));
			}
		}
	}

	// the result, or null if the bytes are refused
	private static byte @Nullable [] streamed(String coding, byte[] bytes, int piece) throws IOException {
		ContentCodec codec = Objects.requireNonNull(ContentCodec.forCoding(coding));
		ByteArrayOutputStream decoded = new ByteArrayOutputStream();
		try (InputStream in = codec.decode(Streams.inPieces(bytes, piece), ContentCodec.HTTP_WINDOW)) {
			byte[] step = new byte[1 << 12];
			for (int read = in.read(step); read >= 0 && decoded.size() < MOST; read = in.read(step)) {
				decoded.write(step, 0, read);
			}
			return decoded.toByteArray();
		}
		catch (IOException ex) {
			Guard.require(ex.getCause() instanceof CorruptStreamException, "not said to be corrupt: " + ex);
			return null;
		}
	}

	private static byte @Nullable [] stepwise(String coding, byte[] bytes, int piece, int room) throws IOException {
		ContentCodec codec = Objects.requireNonNull(ContentCodec.forCoding(coding));
		ByteArrayOutputStream decoded = new ByteArrayOutputStream();
		int at = 0;
		SOURCE.clear().limit(0);
		try (ContentCodec.Decoder decoder = codec.decoder(ContentCodec.HTTP_WINDOW)) {
			ByteBuffer head = ByteBuffer.wrap(Arrays.copyOf(bytes, Math.min(bytes.length, 18)));
			Guard.require(codec.window(head.slice()) >= 0 && decoder.declaredSize(head.slice()) >= -1,
					"negative sizes");
			boolean drained = true;
			boolean complete = false;
			while (decoded.size() < MOST) {
				if (drained && !SOURCE.hasRemaining()) {
					if (at == bytes.length) {
						return complete ? decoded.toByteArray() : null;
					}
					int count = Math.min(piece, bytes.length - at);
					SOURCE.clear().put(bytes, at, count).flip();
					at += count;
				}
				TARGET.clear().limit(room);
				int before = SOURCE.remaining();
				complete = decoder.decode(SOURCE, TARGET);
				Guard.require(TARGET.position() <= room, "more than there is room for");
				Guard.require(SOURCE.remaining() < before || TARGET.position() > 0 || !SOURCE.hasRemaining(),
						"no progress");
				drained = TARGET.hasRemaining();
				byte[] part = new byte[TARGET.position()];
				TARGET.flip().get(part);
				decoded.writeBytes(part);
			}
			return decoded.toByteArray();
		}
		catch (IOException ex) {
			Guard.require(ex.getCause() instanceof CorruptStreamException, "not said to be corrupt: " + ex);
			return null;
		}
	}

	private static void bodies(String coding, int piece, int room, byte[] bytes) throws IOException {
		byte[] streamed = streamed(coding, bytes, 1 << 12);
		byte[] stepwise = stepwise(coding, bytes, 1 + piece * 7, 1 + room * 13);
		Guard.require((streamed == null) == (stepwise == null) || hasEmptyLastBlock(coding, bytes),
				"refused or not, depending on the pieces");
		if (streamed != null && stepwise != null) {
			int length = Math.min(MOST, Math.min(streamed.length, stepwise.length));
			Guard.require((streamed.length >= MOST && stepwise.length >= MOST) || streamed.length == stepwise.length,
					"longer or not, depending on the pieces");
			Guard.require(Arrays.equals(streamed, 0, length, stepwise, 0, length), "other bytes in other pieces");
		}
	}

	// Behind such a block the library compares the content with its declared size only if
	// the frame has arrived at once.
	private static boolean hasEmptyLastBlock(String coding, byte[] bytes) {
		return coding.equals("zstd") && HexFormat.of().formatHex(bytes).matches("(..)*0[13]0000.*");
	}

	private static void buffer(BufferCodec codec, int size, byte[] bytes, BufferAllocator allocator) {
		// Otherwise the reader has refused it.
		if (size > codec.maxSize(bytes.length)) {
			return;
		}
		byte[] decoded = new byte[size];
		try (ArrowBuf source = allocator.buffer(bytes.length + 1L)) {
			source.setBytes(0, bytes);
			try (ArrowBuf target = codec.decode(source, 0, bytes.length, size, allocator)) {
				target.getBytes(0, decoded);
			}
		}
		catch (IOException ex) {
			return;
		}
		byte[] reference = (codec == BufferCodec.ZSTD) ? Zstd.decompress(bytes, size) : lz4(bytes);
		Guard.require(reference == null || Arrays.equals(decoded, reference), "other bytes than the library's decoder");
	}

	// the content, or null if this decoder does not accept the frame
	private static byte @Nullable [] lz4(byte[] frame) {
		if (frame.length > 4 && (frame[4] & 0x20) == 0) {
			return null;
		}
		try (LZ4FrameInputStream in = new LZ4FrameInputStream(new ByteArrayInputStream(frame))) {
			return in.readAllBytes();
		}
		catch (IOException ex) {
			// It reads on behind the end, and takes an empty block for it.
			return null;
		}
	}

	private static void small(Script script) throws IOException {
		byte[] bytes = script.flag() ? script.damage(zstd(script)) : script.rest();
		try {
			byte[] content = ZstdContentCodec.decode(bytes, MOST);
			Guard.require(content.length <= MOST, "more than allowed");
			Guard.require(Arrays.equals(content, ZstdContentCodec.decode(ZstdContentCodec.encode(content), MOST)),
					"not what was encoded");
		}
		catch (IOException ex) {
			Guard.require(ex.getCause() instanceof CorruptStreamException, "not said to be corrupt: " + ex);
		}
	}

	private static void roundTrip(String coding, int piece, byte[] content) throws IOException {
		ContentCodec codec = Objects.requireNonNull(ContentCodec.forCoding(coding));
		ByteArrayOutputStream encoded = new ByteArrayOutputStream();
		try (OutputStream out = codec.encode(encoded, ((piece & 1) != 0) ? content.length : -1)) {
			for (int at = 0; at < content.length; at += 1 + piece) {
				out.write(content, at, Math.min(1 + piece, content.length - at));
			}
		}
		byte[] bytes = encoded.toByteArray();
		Guard.require(ContentCodec.forHead(bytes) == codec, "not recognised");
		Guard.require(Arrays.equals(content, stepwise(coding, bytes, 1 + piece, 1 + piece)), "not what was encoded");
	}

}
