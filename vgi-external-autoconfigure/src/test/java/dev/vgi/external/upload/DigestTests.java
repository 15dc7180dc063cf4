package dev.vgi.external.upload;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class DigestTests {

	private final RootAllocator allocator = new RootAllocator();

	private final List<Thread> created = new CopyOnWriteArrayList<>();

	private AnnotatedBatch batch;

	private GatheredStream stream;

	@BeforeEach
	void gather() {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(100_000);
		vector.setValueCount(100_000);
		this.batch = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
		this.stream = IpcStreamWriter.gather(OutputCycle.of(this.batch));
	}

	@AfterEach
	void nothingIsLeft() {
		this.stream.close();
		this.batch.close();
		this.allocator.close();
		assertThat(this.created).hasSize(1).noneMatch(Thread::isAlive);
	}

	@Test
	void itsOwnThreadComputesAndEndsWithIt() throws Exception {
		try (Digest digest = Digest.start(this.stream, threads(true), TransferTrace.none())) {
			assertThat(digest.await()).isEqualTo(expected());
		}
	}

	@Test
	void withoutAnotherThreadTheCallerComputes() throws Exception {
		try (Digest digest = Digest.start(this.stream, threads(false), TransferTrace.none())) {
			assertThat(digest.await()).isEqualTo(expected());
		}
	}

	@Test
	void aDigestThatIsClosedEarlyHasNoThread() {
		Digest.start(this.stream, threads(true), TransferTrace.none()).close();
	}

	private TransferThreads threads(boolean available) {
		return new TransferThreads((task) -> {
			Thread thread = new Thread(task) {

				@Override
				public synchronized void start() {
					if (!available) {
						throw new OutOfMemoryError("unable to create native thread");
					}
					super.start();
				}

			};
			this.created.add(thread);
			return thread;
		});
	}

	private String expected() throws Exception {
		MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
		for (ByteBuffer segment : this.stream.segments()) {
			sha256.update(segment.duplicate());
		}
		return HexFormat.of().formatHex(sha256.digest());
	}

}
