package dev.vgi.external.transfer;

import java.lang.management.ManagementFactory;
import java.net.URI;
import java.time.Duration;

import com.sun.management.ThreadMXBean;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.RequestWatch.End;
import dev.vgi.external.transport.StorageUnavailableException;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Events that nobody listens to: they are not even created.
 */
class UnheardEventsTests {

	private static final int TIMES = 50_000;

	/** Less than a byte for each round of events: an object takes sixteen. */
	private static final long NOTHING = TIMES;

	private static final Phase[] PHASES = Phase.values();

	private static final URI URL = URI.create("https://storage.example/o");

	private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

	private final StorageUnavailableException failure = new StorageUnavailableException("failed", 503, null);

	@Test
	void transferWithoutListeners() {
		TransferTrace trace = TransferTrace.begin(TransferListener.none(), Direction.FETCH, "s3", URL, 0);
		assertThat(allocated(() -> report(trace))).isLessThan(NOTHING);
		assertThat(trace.requests()).isZero();
	}

	@Test
	void workThatIsNoTransfer() {
		assertThat(allocated(() -> report(TransferTrace.none()))).isLessThan(NOTHING);
	}

	@Test
	void transferThatHasEnded() {
		TransferTrace trace = TransferTrace.begin(new RecordedTransfers(), Direction.FETCH, "s3", URL, 0);
		trace.succeeded(new TransferStatistics(1, 1, null, 1, 0, Duration.ZERO));
		assertThat(allocated(() -> report(trace))).isLessThan(NOTHING);
	}

	@Test
	void measuresWhatIsHeard() {
		TransferTrace trace = TransferTrace.begin(new TransferListener() {

			@Override
			public Watch begin(Transfer transfer) {
				return new Watch() {
				};
			}

		}, Direction.FETCH, "s3", URL, 0);
		assertThat(allocated(() -> report(trace))).isGreaterThan(16 * NOTHING);
	}

	private void report(TransferTrace trace) {
		for (Phase phase : PHASES) {
			trace.begins(phase);
			trace.over(phase);
		}
		trace.sized(100, "zstd");
		trace.progressed(50, 100);
		trace.completed(3, true);
		trace.retried(3, this.failure, Duration.ZERO);
		RequestWatch request = trace.requests(Purpose.RANGE, 3, 0, 100).begin(true);
		request.sent();
		request.answered(206, "id");
		request.ended(End.FAILED, 100, "failed");
	}

	private long allocated(Runnable report) {
		long least = Long.MAX_VALUE;
		// The compiler allocates, too, until it has seen enough.
		for (int round = 0; round < 5; round++) {
			long before = this.threads.getThreadAllocatedBytes(Thread.currentThread().getId());
			for (int i = 0; i < TIMES; i++) {
				report.run();
			}
			least = Math.min(least, this.threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before);
		}
		return least;
	}

}
