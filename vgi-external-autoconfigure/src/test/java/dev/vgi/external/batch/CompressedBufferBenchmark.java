package dev.vgi.external.batch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.benchmark.Payloads;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4FrameOutputStream;
import net.jpountz.lz4.LZ4FrameOutputStream.BLOCKSIZE;
import net.jpountz.lz4.LZ4FrameOutputStream.FLG.Bits;
import net.jpountz.lz4.LZ4SafeDecompressor;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compression.AbstractCompressionCodec;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A batch of 4 MiB with compressed buffers out of a body in off-heap memory, and the
 * libraries alone, which decode the same buffers into new memory of the same allocator.
 * The blocks of LZ4 may refer to each other, as in the frames of pyarrow.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class CompressedBufferBenchmark {

	private static final int BLOCK = 1 << 16;

	private static final int HEADER = 7;

	private final BufferAllocator allocator = new RootAllocator();

	private final LZ4SafeDecompressor blocks = LZ4Factory.nativeInstance().safeDecompressor();

	private final Encoded lz4 = new Encoded(CodecType.LZ4_FRAME);

	private final Encoded zstd = new Encoded(CodecType.ZSTD);

	@Setup
	public void check() {
		if (lz4Reader() != Payloads.ROWS_4_MB || zstdReader() != Payloads.ROWS_4_MB || lz4Alone() != this.lz4.size()
				|| zstdAlone() != this.zstd.size()) {
			throw new IllegalStateException("They disagree");
		}
	}

	@Benchmark
	public int lz4Reader() {
		return read(this.lz4);
	}

	@Benchmark
	public int zstdReader() {
		return read(this.zstd);
	}

	private int read(Encoded encoded) {
		try (IpcStreamReader reader = IpcStreamReader.of(encoded.body, encoded.body.writerIndex(), this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch batch = reader.next()) {
				return (batch != null) ? batch.rowCount() : 0;
			}
		}
	}

	@Benchmark
	public long lz4Alone() {
		return decode(this.lz4, (frame, target, size) -> {
			long written = 0;
			long position = HEADER;
			for (int head = frame.getInt(position); head != 0; head = frame.getInt(position)) {
				int length = head & Integer.MAX_VALUE;
				position += Integer.BYTES;
				int room = (int) Math.min(BLOCK, size - written);
				if (head < 0) {
					target.setBytes(written, frame, position, length);
					written += length;
				}
				else {
					written += this.blocks.decompress(frame.nioBuffer(position, length), 0, length,
							target.nioBuffer(written, room), 0, room);
				}
				position += length;
			}
			return written;
		});
	}

	@Benchmark
	public long zstdAlone() {
		return decode(this.zstd, (frame, target, size) -> Zstd.decompressUnsafe(target.memoryAddress(), size,
				frame.memoryAddress(), frame.capacity()));
	}

	private long decode(Encoded encoded, Decoder decoder) {
		long written = 0;
		List<ArrowBuf> targets = new ArrayList<>();
		for (int i = 0; i < encoded.frames.size(); i++) {
			ArrowBuf target = this.allocator.buffer(encoded.sizes.get(i));
			targets.add(target);
			written += decoder.decode(encoded.frames.get(i), target, encoded.sizes.get(i));
		}
		targets.forEach(ArrowBuf::close);
		return written;
	}

	@TearDown
	public void close() {
		this.lz4.close();
		this.zstd.close();
		this.allocator.close();
	}

	/**
	 * Decodes one frame.
	 */
	@FunctionalInterface
	private interface Decoder {

		long decode(ArrowBuf frame, ArrowBuf target, long size);

	}

	/**
	 * The stream, and its frames on their own.
	 */
	private final class Encoded extends AbstractCompressionCodec implements CompressionCodec.Factory {

		private final CodecType type;

		private final List<ArrowBuf> frames = new ArrayList<>();

		private final List<Long> sizes = new ArrayList<>();

		private final ArrowBuf body;

		Encoded(CodecType type) {
			this.type = type;
			ByteArrayOutputStream stream = new ByteArrayOutputStream();
			BufferAllocator allocator = CompressedBufferBenchmark.this.allocator;
			try (VectorSchemaRoot root = Payloads.synthetic(allocator, Payloads.ROWS_4_MB);
					ArrowStreamWriter writer = new ArrowStreamWriter(root, null, Channels.newChannel(stream),
							IpcOption.DEFAULT, this, type)) {
				writer.writeBatch();
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
			this.body = allocator.buffer(stream.size());
			this.body.writeBytes(stream.toByteArray());
		}

		@Override
		public CompressionCodec createCodec(CodecType codecType) {
			return this;
		}

		@Override
		public CompressionCodec createCodec(CodecType codecType, int compressionLevel) {
			return this;
		}

		@Override
		public CodecType getCodecType() {
			return this.type;
		}

		@Override
		protected ArrowBuf doCompress(BufferAllocator allocator, ArrowBuf plain) {
			byte[] bytes = new byte[(int) plain.writerIndex()];
			plain.getBytes(0, bytes);
			byte[] encoded = (this.type == CodecType.ZSTD) ? Zstd.compress(bytes) : lz4(bytes);
			if (encoded.length < bytes.length) {
				ArrowBuf frame = CompressedBufferBenchmark.this.allocator.buffer(encoded.length);
				frame.setBytes(0, encoded);
				this.frames.add(frame.slice(0, encoded.length));
				this.sizes.add((long) bytes.length);
			}
			ArrowBuf compressed = allocator.buffer(CompressionUtil.SIZE_OF_UNCOMPRESSED_LENGTH + encoded.length);
			compressed.setBytes(CompressionUtil.SIZE_OF_UNCOMPRESSED_LENGTH, encoded);
			return compressed.writerIndex(CompressionUtil.SIZE_OF_UNCOMPRESSED_LENGTH + encoded.length);
		}

		@Override
		protected ArrowBuf doDecompress(BufferAllocator allocator, ArrowBuf compressed) {
			throw new UnsupportedOperationException();
		}

		private static byte[] lz4(byte[] content) {
			ByteArrayOutputStream bytes = new ByteArrayOutputStream();
			try (LZ4FrameOutputStream out = new LZ4FrameOutputStream(bytes, BLOCKSIZE.SIZE_64KB,
					Bits.BLOCK_INDEPENDENCE)) {
				out.write(content);
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
			ByteBuffer frame = ByteBuffer.wrap(bytes.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
			frame.put(Integer.BYTES, (byte) (1 << 6));
			int sum = XXHashFactory.safeInstance().hash32().hash(frame, Integer.BYTES, 2, 0);
			return frame.put(HEADER - 1, (byte) (sum >> 8)).array();
		}

		long size() {
			return this.sizes.stream().mapToLong(Long::longValue).sum();
		}

		void close() {
			this.body.close();
			this.frames.forEach(ArrowBuf::close);
		}

	}

}
