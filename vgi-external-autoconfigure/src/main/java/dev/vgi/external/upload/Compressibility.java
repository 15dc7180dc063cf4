package dev.vgi.external.upload;

import java.io.IOException;
import java.nio.ByteBuffer;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;

/**
 * Estimates from samples whether a stream is worth compressing: random or already
 * compressed data costs its receiver a decoder and gains nothing. The same stream always
 * gets the same result.
 */
final class Compressibility {

	/** Samples are spread evenly, because the columns of a batch differ. */
	private static final int SAMPLES = 32;

	private static final int SAMPLE = 16 << 10;

	/**
	 * A stream is stored uncompressed unless compression reduces it at least to this
	 * ratio.
	 */
	private static final double WORTHWHILE = 0.95;

	/** The fastest level: what it cannot compress, no other level compresses well. */
	private static final Compression FASTEST = new Compression(1, 0);

	private Compressibility() {
	}

	static boolean isWorthwhile(GatheredStream stream, SlabPool slabs) {
		int size = (int) Math.min(stream.length(), SAMPLES * SAMPLE);
		int bound = (int) ZstdContentCodec.maxEncodedLength(size);
		try (Slab samples = slabs.acquire(size);
				Slab coded = slabs.acquire(bound);
				ZstdContentCodec.Encoder encoder = ZstdContentCodec.encoder(FASTEST, size)) {
			ByteBuffer source = samples.window(0, size);
			take(stream, source);
			ByteBuffer target = coded.window(0, bound);
			encoder.encode(source.flip(), target, true);
			return target.position() < size * WORTHWHILE;
		}
		catch (IOException ex) {
			throw new IllegalStateException("All bytes of the samples were encoded", ex);
		}
	}

	/**
	 * Fill a buffer with samples.
	 * @param stream the stream to take them from
	 * @param samples filled up; gets the whole stream if it has room for it
	 */
	private static void take(GatheredStream stream, ByteBuffer samples) {
		long stride = Math.max(SAMPLE, stream.length() / SAMPLES);
		long position = 0;
		long wanted = 0;
		for (ByteBuffer segment : stream.segments()) {
			long end = position + segment.remaining();
			while (wanted < end && samples.hasRemaining()) {
				// A sample that started in the previous segment continues in this one.
				int from = (int) (wanted - position);
				long left = SAMPLE - wanted % stride;
				int count = (int) Math.min(Math.min(left, samples.remaining()), segment.remaining() - from);
				samples.put(segment.slice(segment.position() + from, count));
				wanted += count;
				if (wanted % stride >= SAMPLE) {
					wanted += stride - wanted % stride;
				}
			}
			position = end;
		}
	}

}
