package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdInputStream;
import com.github.luben.zstd.ZstdOutputStream;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.RequestMemory;
import dev.vgi.external.memory.TransferBudget;
import net.jpountz.lz4.LZ4FrameOutputStream;
import net.jpountz.lz4.LZ4FrameOutputStream.BLOCKSIZE;
import net.jpountz.lz4.LZ4FrameOutputStream.FLG.Bits;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Record batches and dictionaries with compressed buffers: those of other libraries are
 * read, and nothing is believed that a buffer says of itself. The streams in the folder
 * {@code compressed} were written by the script beside them.
 */
class CompressedBufferTests {

	private static final int LZ4 = 0;

	private static final int ZSTD = 1;

	private static final int ROWS = 20_000;

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "lz4", "zstd" })
	void readsWhatPyarrowWrote(String compression) throws IOException {
		byte[] compressed = resource(compression + ".arrow");
		List<Object> plain;
		try (InputStream in = new ZstdInputStream(new ByteArrayInputStream(resource("plain.arrow.zst")))) {
			plain = read(in.readAllBytes());
		}
		assertThat(plain).hasSize(4);
		assertThat(read(compressed)).isEqualTo(plain);
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, compressed)) {
			assertThat(read(IpcStreamReader.of(body, compressed.length, this.allocator))).isEqualTo(plain);
		}
		byte[] behindAByte = new byte[compressed.length + 1];
		System.arraycopy(compressed, 0, behindAByte, 1, compressed.length);
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, behindAByte)) {
			assertThat(read(IpcStreamReader.of(body.slice(1, compressed.length), compressed.length, this.allocator)))
				.as("not aligned")
				.isEqualTo(plain);
		}
	}

	static Stream<Arguments> seeds() {
		return Stream.of(CodecType.LZ4_FRAME, CodecType.ZSTD)
			.flatMap((codec) -> HostileStreamTests.seeds().map((seed) -> Arguments.of(codec, seed)));
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void readsWhatArrowsJavaLibraryWrote(CodecType codec, Function<BufferAllocator, AnnotatedBatch> seed)
			throws IOException {
		try (AnnotatedBatch batch = seed.apply(this.allocator)) {
			assertThat(read(written(codec, batch))).isEqualTo(List.of(SampleBatches.values(batch)));
		}
	}

	@ParameterizedTest
	@EnumSource(names = { "LZ4_FRAME", "ZSTD" })
	void survivesDamage(CodecType codec) throws IOException {
		byte[] bytes;
		try (AnnotatedBatch batch = SampleBatches.dictionaries(this.allocator, 40)) {
			bytes = written(codec, batch);
		}
		for (int i = 0; i < bytes.length; i++) {
			byte[] broken = bytes.clone();
			broken[i] ^= (byte) (1 << i % 8);
			survives(broken);
			survives(Arrays.copyOf(bytes, i));
		}
	}

	private void survives(byte[] broken) {
		try {
			read(broken);
		}
		catch (CorruptStreamException | LimitExceededException ex) {
			assertThat(ex.getMessage()).isNotEmpty();
		}
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@ParameterizedTest
	@MethodSource
	void readsEveryKindOfFrame(String what, int codec, byte[] encoded) {
		byte[] values = values();
		assertThat(numbers(
				ForeignStreams.compressed(codec, 0, ROWS, ForeignStreams.compressedBuffer(values.length, encoded))))
			.as(what)
			.isEqualTo(values);
	}

	static List<Arguments> readsEveryKindOfFrame() {
		byte[] values = values();
		List<Arguments> frames = new ArrayList<>();
		for (BLOCKSIZE size : BLOCKSIZE.values()) {
			byte[] frame = lz4(values, size);
			frames.add(Arguments.of("blocks of " + size, LZ4, frame));
			frames.add(Arguments.of("linked blocks of " + size, LZ4, linked(frame)));
			byte[] checked = lz4(values, size, Bits.BLOCK_CHECKSUM, Bits.CONTENT_CHECKSUM);
			frames.add(Arguments.of("checksums", LZ4, checked));
			frames.add(Arguments.of("linked blocks with checksums", LZ4, linked(checked)));
		}
		frames.add(Arguments.of("frame with its size", LZ4, lz4WithSize(values, values.length)));
		frames.add(Arguments.of("zstd frame", ZSTD, Zstd.compress(values)));
		frames.add(Arguments.of("zstd frame without its size", ZSTD, zstdWithoutSize(values)));
		frames.add(Arguments.of("two zstd frames", ZSTD, join(Zstd.compress(Arrays.copyOf(values, 99)),
				Zstd.compress(Arrays.copyOfRange(values, 99, values.length)))));
		frames.add(Arguments.of("zstd frame to be skipped", ZSTD,
				join(new byte[] { 0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2 }, Zstd.compress(values))));
		return frames;
	}

	@Test
	void readsBlocksThatCompressionMadeNoSmaller() {
		byte[] noise = noise();
		byte[] frame = lz4(noise, BLOCKSIZE.SIZE_64KB);
		assertThat(frame).hasSizeGreaterThan(noise.length);
		for (byte[] each : List.of(frame, linked(frame))) {
			assertThat(numbers(
					ForeignStreams.compressed(LZ4, 0, ROWS, ForeignStreams.compressedBuffer(noise.length, each))))
				.isEqualTo(noise);
		}
	}

	@Test
	void whatIsNotCompressedIsNotCopied() {
		byte[] values = values();
		byte[] stream = ForeignStreams.compressed(ZSTD, 0, ROWS, ForeignStreams.compressedBuffer(-1, values));
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, stream);
				IpcStreamReader reader = IpcStreamReader.of(body, stream.length, this.allocator)) {
			reader.nextStream();
			long before = this.allocator.getAllocatedMemory();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(bytes(batch)).isEqualTo(values);
				assertThat(this.allocator.getAllocatedMemory() - before).as("validity").isLessThan(values.length / 32);
			}
		}
	}

	@ParameterizedTest
	@MethodSource
	void brokenBuffersAreRefused(String what, int codec, byte[] buffer, String message) {
		byte[] stream = ForeignStreams.compressed(codec, 0, ROWS, buffer);
		assertThatExceptionOfType(CorruptStreamException.class).as(what)
			.isThrownBy(() -> read(stream))
			.withMessageContaining(message);
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	static List<Arguments> brokenBuffersAreRefused() {
		byte[] values = values();
		byte[] lz4 = lz4(values, BLOCKSIZE.SIZE_64KB);
		byte[] zstd = Zstd.compress(values);
		byte[] checked = lz4(values, BLOCKSIZE.SIZE_64KB, Bits.BLOCK_CHECKSUM, Bits.CONTENT_CHECKSUM);
		int size = values.length;
		List<Arguments> broken = new ArrayList<>();
		for (int codec : new int[] { LZ4, ZSTD }) {
			String name = (codec == LZ4) ? "LZ4_FRAME" : "ZSTD";
			byte[] frame = (codec == LZ4) ? lz4 : zstd;
			broken.add(broken("no size", codec, new byte[7], "too short to declare its size"));
			broken.add(broken("negative size", codec, -2, frame, "declares that it has -2 bytes as " + name));
			broken.add(broken("most negative size", codec, Long.MIN_VALUE, frame, "declares that it has"));
			broken.add(broken("size without bytes", codec, 1, new byte[0], "A compressed buffer of 0 bytes declares"));
			broken.add(broken("size that so few bytes cannot have", codec, 1 << 20, new byte[16],
					"A compressed buffer of 16 bytes declares that it has 1048576 bytes as " + name));
			broken.add(broken("largest size", codec, Long.MAX_VALUE, frame, "declares that it has"));
			broken.add(broken("less than declared", codec, size + 8, frame, "another size than declared"));
			broken.add(broken("no frame", codec, size, new byte[40_000], "cannot be decoded as " + name));
			broken.add(broken("the other codec", codec, size, (codec == LZ4) ? zstd : lz4, "cannot be decoded as"));
			broken
				.add(broken("half a frame", codec, size, Arrays.copyOf(frame, frame.length / 2), "cannot be decoded"));
			broken.add(broken("more after the frame", codec, size, join(frame, new byte[] { 1 }), "cannot be decoded"));
			broken.add(broken("too few values", codec, size - 8,
					(codec == LZ4) ? lz4(Arrays.copyOf(values, size - 8), BLOCKSIZE.SIZE_64KB)
							: Zstd.compress(Arrays.copyOf(values, size - 8)),
					"has too few values"));
			broken.add(broken("no values", codec, 0, frame, "cannot be decoded"));
			broken.add(broken("nothing", codec, 0, new byte[0], "has too few values"));
			broken.add(broken("nothing that is not compressed", codec, -1, new byte[0], "has too few values"));
		}
		broken.add(broken("more than declared", LZ4, size - 8, lz4, "a block is broken or longer than declared"));
		broken.add(broken("more than declared", ZSTD, size - 8, zstd, "too small"));
		for (int bit : new int[] { 0, 3, 6 }) {
			broken.add(broken("bit of the block's sum", LZ4, size, flipped(checked, checked.length - 9, bit),
					"has another checksum"));
			broken.add(broken("bit of the content's sum", LZ4, size, flipped(checked, checked.length - 1, bit),
					"its content has another checksum"));
		}
		broken.add(broken("no end", LZ4, size, Arrays.copyOf(lz4, lz4.length - 4), "it ends too early"));
		broken.add(broken("two frames", LZ4, size, join(lz4(new byte[0], BLOCKSIZE.SIZE_64KB), lz4),
				"another size than declared"));
		broken.add(broken("frame after frame", LZ4, size, join(lz4, lz4), "more follows the frame"));
		broken.add(broken("frame to be skipped", LZ4, size,
				join(new byte[] { 0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2 }, lz4), "does not start with a frame"));
		broken
			.add(broken("lie about the size", LZ4, size, lz4WithSize(values, size - 1), "another size than declared"));
		broken
			.add(broken("dictionary", LZ4, size, withHeader(lz4, 0x61, lz4[5], new byte[4]), "it needs a dictionary"));
		broken.add(broken("version", LZ4, size, withHeader(lz4, 0xA0, lz4[5]), "its header is invalid"));
		broken.add(broken("reserved flag", LZ4, size, withHeader(lz4, 0x62, lz4[5]), "its header is invalid"));
		broken.add(broken("size of blocks", LZ4, size, withHeader(lz4, 0x60, 0x30), "its header is invalid"));
		broken.add(broken("reserved bit", LZ4, size, withHeader(lz4, 0x60, 0xC0), "its header is invalid"));
		broken.add(broken("sum of the header", LZ4, size, flipped(lz4, 6, 1), "its header has another checksum"));
		broken.add(broken("long block", LZ4, size, flipped(lz4, 9, 7), "a block is too long"));
		byte[] linked = header(0x40, 0x40);
		broken.add(broken("block before the first", LZ4, 13, block(linked, 0x10, 'a', 2, 0, 0x50, 1, 2, 3, 4, 5),
				"a block is broken"));
		broken.add(broken("block that yields nothing", LZ4, 1, block(block(linked, 0x10, 'a'), 0),
				"longer than declared"));
		broken.add(broken("no room", LZ4, 0, block(linked, 0), "longer than declared"));
		broken.add(broken("thousands of tiny blocks", LZ4, 1 << 20, tinyBlocks(100_000), "its blocks are too short"));
		broken.add(broken("end without values", LZ4, 13, block(block(linked, 0x10, 'a'), new int[0]),
				"another size than declared"));
		broken.add(broken("linked block of endless literals", LZ4, 13, block(block(linked, 0x10, 'a'), 0xF0, 255, 255),
				"a block is broken"));
		broken.add(broken("linked block of too many literals", LZ4, 13, block(block(linked, 0x10, 'a'), 0x50, 1),
				"a block is broken"));
		return broken;
	}

	@Test
	void aBlockRefersToEarlierOnes() {
		// "a", then eleven from one byte back, then five literals
		byte[] frame = block(block(header(0x40, 0x40), 0x10, 'a'), 0x07, 1, 0, 0x50, 'b', 'c', 'd', 'e', 'f');
		byte[] end = join(frame, new byte[4]);
		byte[] stream = ForeignStreams.compressed(LZ4, 0, 2, ForeignStreams.compressedBuffer(17, end));
		try (IpcStreamReader reader = reader(stream)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(bytes(batch)).asString().isEqualTo("aaaaaaaaaaaabcde");
			}
		}
	}

	@Test
	void sizesCountTowardTheCapBeforeTheyAreAllocated() {
		byte[] zeros = new byte[1 << 20];
		byte[] stream = ForeignStreams.compressed(ZSTD, 0, zeros.length / 8,
				ForeignStreams.compressedBuffer(zeros.length, Zstd.compress(zeros)));
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(stream), zeros.length,
				this.allocator)) {
			reader.nextStream();
			long before = this.allocator.getPeakMemoryAllocation();
			assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(reader::next)
				.satisfies((ex) -> assertThat(ex.limit()).isEqualTo(zeros.length));
			assertThat(this.allocator.getPeakMemoryAllocation() - before).isLessThan(1024);
		}
		long enough = zeros.length + stream.length;
		assertThat(read(IpcStreamReader.of(new ByteArrayInputStream(stream), enough, this.allocator))).hasSize(1);
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, stream)) {
			ReadOptions options = ReadOptions.defaults().withMaxSize(zeros.length);
			assertThatExceptionOfType(StreamTooLongException.class)
				.isThrownBy(() -> read(IpcStreamReader.of(body, stream.length, this.allocator, options)));
			assertThat(read(IpcStreamReader.of(body, stream.length, this.allocator, options.withMaxSize(enough))))
				.hasSize(1);
		}
	}

	@Test
	void allBatchesTogetherCountTowardTheCap() {
		byte[] zeros = new byte[1 << 20];
		byte[] stream = ForeignStreams.compressed(ZSTD, 0, zeros.length / 8,
				ForeignStreams.compressedBuffer(zeros.length, Zstd.compress(zeros)));
		byte[] both = join(stream, stream);
		assertThatExceptionOfType(StreamTooLongException.class)
			.isThrownBy(() -> read(IpcStreamReader.of(new ByteArrayInputStream(both), 2L << 20, this.allocator)));
		byte[] plain = ForeignStreams.compressed(ZSTD, 0, zeros.length / 8, ForeignStreams.compressedBuffer(-1, zeros));
		byte[] mixed = join(stream, plain);
		assertThatExceptionOfType(StreamTooLongException.class)
			.isThrownBy(() -> read(IpcStreamReader.of(new ByteArrayInputStream(mixed), 2L << 20, this.allocator)));
	}

	@Test
	void sizesAreChargedToTheRequestBeforeTheyAreAllocated() {
		TransferBudget budget = new TransferBudget(16 << 20, 8);
		byte[] zeros = new byte[32 << 20];
		byte[] stream = ForeignStreams.compressed(ZSTD, 0, zeros.length / 8,
				ForeignStreams.compressedBuffer(zeros.length, Zstd.compress(zeros)));
		try (RequestMemory request = budget.request("a", this.allocator);
				RequestMemory.Bound bound = request.bind();
				IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(stream), Long.MAX_VALUE,
						RequestMemory.allocator(this.allocator))) {
			reader.nextStream();
			assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(reader::next);
		}
		assertThat(budget.inUse()).isZero();
		assertThat(this.allocator.getPeakMemoryAllocation()).isLessThan(16 << 20);
	}

	private byte[] written(CodecType codec, AnnotatedBatch batch) throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		try (ArrowStreamWriter writer = new ArrowStreamWriter(batch.root(), batch.dictionaries(),
				Channels.newChannel(out), IpcOption.DEFAULT, CommonsCompressionFactory.INSTANCE, codec)) {
			writer.writeBatch();
		}
		return out.toByteArray();
	}

	private byte[] numbers(byte[] stream) {
		try (IpcStreamReader reader = reader(stream)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				return bytes(batch);
			}
		}
	}

	private static byte[] bytes(AnnotatedBatch batch) {
		byte[] bytes = new byte[batch.rowCount() * Long.BYTES];
		((BigIntVector) batch.root().getVector(0)).getDataBuffer().getBytes(0, bytes);
		return bytes;
	}

	private List<Object> read(byte[] stream) {
		return read(reader(stream));
	}

	private IpcStreamReader reader(byte[] stream) {
		return IpcStreamReader.of(new ByteArrayInputStream(stream), 1 << 28, this.allocator);
	}

	private static List<Object> read(IpcStreamReader reader) {
		List<Object> values = new ArrayList<>();
		try (reader) {
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					try (AnnotatedBatch owned = batch) {
						values.add(SampleBatches.values(owned));
					}
				}
			}
		}
		return values;
	}

	private static byte[] resource(String name) throws IOException {
		try (InputStream in = CompressedBufferTests.class.getResourceAsStream("/compressed/" + name)) {
			return in.readAllBytes();
		}
	}

	private static byte[] values() {
		ByteBuffer values = ByteBuffer.allocate(ROWS * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
		for (int i = 0; i < ROWS; i++) {
			values.putLong(i * i % 3000);
		}
		return values.array();
	}

	private static byte[] noise() {
		byte[] noise = new byte[ROWS * Long.BYTES];
		new Random(1).nextBytes(noise);
		return noise;
	}

	private static byte[] lz4(byte[] content, BLOCKSIZE size, Bits... features) {
		Bits[] all = Arrays.copyOf(features, features.length + 1);
		all[features.length] = Bits.BLOCK_INDEPENDENCE;
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (LZ4FrameOutputStream out = new LZ4FrameOutputStream(bytes, size, all)) {
			out.write(content);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		return bytes.toByteArray();
	}

	private static byte[] lz4WithSize(byte[] content, long declared) {
		byte[] frame = lz4(content, BLOCKSIZE.SIZE_64KB);
		return withHeader(frame, frame[4] | 8, frame[5],
				ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(declared).array());
	}

	// the same blocks, which may now refer to each other and do not
	private static byte[] linked(byte[] frame) {
		return withHeader(frame, frame[4] & ~0x20, frame[5]);
	}

	private static byte[] withHeader(byte[] frame, int flags, int blockSize, byte... more) {
		return join(header(flags, blockSize, more), Arrays.copyOfRange(frame, 7, frame.length));
	}

	// the header of a frame, with the right checksum
	private static byte[] header(int flags, int blockSize, byte... more) {
		byte[] described = join(new byte[] { (byte) flags, (byte) blockSize }, more);
		int hash = XXHashFactory.safeInstance().hash32().hash(described, 0, described.length, 0);
		return join(new byte[] { 4, 0x22, 0x4D, 0x18 }, described, new byte[] { (byte) (hash >> 8) });
	}

	private static byte[] block(byte[] frame, int... block) {
		byte[] bytes = new byte[block.length];
		for (int i = 0; i < block.length; i++) {
			bytes[i] = (byte) block[i];
		}
		return join(frame,
				ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(block.length).array(), bytes);
	}

	private static byte[] tinyBlocks(int count) {
		byte[] noise = noise();
		ByteArrayOutputStream frame = new ByteArrayOutputStream();
		frame.writeBytes(linked(Arrays.copyOf(lz4(noise, BLOCKSIZE.SIZE_64KB), 7 + 4 + (64 << 10))));
		byte[] tiny = block(new byte[0], 0x10, 'a');
		for (int i = 0; i < count; i++) {
			frame.writeBytes(tiny);
		}
		return frame.toByteArray();
	}

	private static byte[] zstdWithoutSize(byte[] content) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (ZstdOutputStream out = new ZstdOutputStream(bytes)) {
			out.write(content);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		return bytes.toByteArray();
	}

	private static byte[] flipped(byte[] bytes, int at, int bit) {
		byte[] flipped = bytes.clone();
		flipped[at] ^= (byte) (1 << bit);
		return flipped;
	}

	private static byte[] join(byte[]... parts) {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		for (byte[] part : parts) {
			all.writeBytes(part);
		}
		return all.toByteArray();
	}

	private static Arguments broken(String what, int codec, long size, byte[] encoded, String message) {
		return broken(what, codec, ForeignStreams.compressedBuffer(size, encoded), message);
	}

	private static Arguments broken(String what, int codec, byte[] buffer, String message) {
		return Arguments.of(what, codec, buffer, message);
	}

}
