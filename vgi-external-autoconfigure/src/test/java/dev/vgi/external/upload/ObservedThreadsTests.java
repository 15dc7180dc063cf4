package dev.vgi.external.upload;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that threads which work beside an upload know the context of the uploading one,
 * such as its span.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ObservedThreadsTests {

	private static final ThreadLocal<String> CONTEXT = new ThreadLocal<>();

	/** Stands for the library that propagates contexts, if an application has it. */
	private final TransferThreads threads = TransferThreads.platform().withContext((task) -> {
		String context = String.valueOf(CONTEXT.get());
		return () -> {
			CONTEXT.set(context);
			task.run();
		};
	});

	@Test
	void threadsThatSendPartsKnowIt() {
		CONTEXT.set("the upload");
		BytesPayload payload = BytesPayload.random(3000, 1);
		Map<Thread, String> seen = new ConcurrentHashMap<>();
		CyclicBarrier three = new CyclicBarrier(3);
		PartWindow.parallel(3, new RecordedPauses().policy(0), this.threads)
			.send(Objects.requireNonNull(payload.next(1000)), payload, 1000, () -> Deadline.in(Duration.ofSeconds(30)),
					(part, failures, deadline) -> {
						seen.put(Thread.currentThread(), String.valueOf(CONTEXT.get()));
						return await(three);
					});
		assertThat(seen).hasSize(3);
		assertThat(seen.values()).containsOnly("the upload");
	}

	@Test
	void threadThatDigestsKnowsIt() {
		CONTEXT.set("the upload");
		RecordedEvents recorded = new RecordedEvents();
		Map<Thread, String> seen = new ConcurrentHashMap<>();
		recorded.onEvent((transfer, event) -> seen.put(Thread.currentThread(), String.valueOf(CONTEXT.get())));
		try (RootAllocator allocator = new RootAllocator();
				TransferResources resources = TransferResources.create().withListener(recorded);
				AnnotatedBatch batch = AnnotatedBatch
					.of(new VectorSchemaRoot(List.of(new BigIntVector("n", allocator))));
				GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(batch))) {
			TransferTrace trace = resources.begin(Direction.UPLOAD, "s3", null, 0);
			try (Digest digest = Digest.start(stream, this.threads, trace)) {
				Awaitility.await().until(() -> !seen.isEmpty());
				digest.await();
			}
			trace.succeeded(new TransferStatistics(1, 1, null, 0, 0, Duration.ZERO));
		}
		assertThat(seen).hasSize(1).doesNotContainKey(Thread.currentThread()).containsValue("the upload");
	}

	private static int await(CyclicBarrier barrier) {
		try {
			return barrier.await(10, TimeUnit.SECONDS);
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

}
