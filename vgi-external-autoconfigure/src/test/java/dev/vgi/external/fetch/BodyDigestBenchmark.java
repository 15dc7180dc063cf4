package dev.vgi.external.fetch;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.SlabPool.Slab;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * SHA-256 of a range in off-heap memory, and of the same bytes in an array.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class BodyDigestBenchmark {

	private static final int SIZE = 8 << 20;

	private final SlabPool slabs = new SlabPool(0, Duration.ofSeconds(1));

	private final Slab slab = this.slabs.acquire(SIZE);

	private final byte[] array = new byte[SIZE];

	@Setup
	public void fill() throws NoSuchAlgorithmException {
		new Random(42).nextBytes(this.array);
		ByteBuffer window = this.slab.window(0, SIZE);
		window.put(this.array);
		if (!offHeap().equals(array())) {
			throw new IllegalStateException("The digests differ");
		}
	}

	@Benchmark
	public String offHeap() {
		try (BodyDigest digest = new BodyDigest(SIZE)) {
			digest.advance(this.slab, SIZE);
			return digest.finish();
		}
	}

	@Benchmark
	public String array() throws NoSuchAlgorithmException {
		return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(this.array));
	}

	@TearDown
	public void close() {
		this.slab.close();
		this.slabs.close();
	}

}
