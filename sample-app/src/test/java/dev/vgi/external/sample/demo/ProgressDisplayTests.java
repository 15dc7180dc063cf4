package dev.vgi.external.sample.demo;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.sample.demo.Measurement.Travelled;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link ProgressDisplay}.
 */
class ProgressDisplayTests {

	private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

	private final AtomicLong clock = new AtomicLong();

	private Duration step = Duration.ofSeconds(1);

	@Test
	void terminalGetsBarThatIsDrawnOverAndCleared() throws Exception {
		measure(true, 2, 500_000, 4_000_000);
		assertThat(this.printed.toString().split("\r")).containsExactly("",
				"  fetch [" + "#".repeat(15) + " ".repeat(15) + "]  50 %, 500,000 rows, 4.0 MB, 4.0 MB/s\u001b[K",
				"  fetch [" + "#".repeat(30) + "] 100 %, 1,000,000 rows, 8.0 MB, 4.0 MB/s\u001b[K", "\u001b[K");
	}

	@Test
	void terminalIsNotFloodedButShowsTheEnd() throws Exception {
		this.step = Duration.ofMillis(1);
		measure(true, 100, 10_000, 80_000);
		assertThat(List.of(this.printed.toString().split("\r"))).hasSize(5).element(3).asString().contains("100 %");
	}

	@Test
	void elsewhereGetsLinePerQuarter() throws Exception {
		measure(false, 10, 100_000, 1_000_000);
		assertThat(this.printed.toString().lines()).containsExactly("  fetch  10 %, 100,000 rows, 1.0 MB, 1.0 MB/s",
				"  fetch  30 %, 300,000 rows, 3.0 MB, 1.0 MB/s", "  fetch  50 %, 500,000 rows, 5.0 MB, 1.0 MB/s",
				"  fetch  80 %, 800,000 rows, 8.0 MB, 1.0 MB/s", "  fetch 100 %, 1,000,000 rows, 10.0 MB, 1.0 MB/s");
	}

	@Test
	void callsAreMeasured() throws Exception {
		ProgressDisplay display = display(true);
		assertThat(display.<String>measure("summary", 1, (progress) -> {
			progress.add(1, 0);
			progress.through(0);
			return "done";
		})).isEqualTo("done");
		assertThatIllegalStateException().isThrownBy(() -> display.measure("failing", 1, (progress) -> {
			throw new IllegalStateException();
		}));
		display.measure("fetch", 2, (progress) -> {
			progress.add(1, 10);
			this.clock.addAndGet(1000);
			progress.add(1, 5);
			progress.through(3);
			return "";
		});
		assertThat(display.measurements()).containsExactly(
				new Measurement("summary", Travelled.INLINE, 0, 1, 0, Duration.ZERO),
				new Measurement("fetch", Travelled.EXTERNAL, 3, 2, 15, Duration.ofNanos(1000)));
		assertThat(this.printed.toString()).as("these are short").isEmpty();
	}

	@Test
	void rehearsalLeavesNoTrace() throws Exception {
		ProgressDisplay display = display(true);
		display.rehearse(() -> display.measure("fetch", 1_000_000, (progress) -> {
			progress.add(1_000_000, 8_000_000);
			return "";
		}));
		assertThat(display.measurements()).isEmpty();
		assertThat(this.printed.toString()).isEmpty();
		display.measure("fetch", 1_000_000, (progress) -> {
			progress.add(1_000_000, 8_000_000);
			return "";
		});
		assertThat(display.measurements()).hasSize(1);
		assertThat(this.printed.toString()).contains("100 %");
	}

	private void measure(boolean terminal, int batches, long rows, long bytes) throws IOException {
		display(terminal).measure("fetch", 1_000_000, (progress) -> {
			for (int i = 0; i < batches; i++) {
				this.clock.addAndGet(this.step.toNanos());
				progress.add(rows, bytes);
			}
			return "";
		});
	}

	private ProgressDisplay display(boolean terminal) {
		return new ProgressDisplay(new PrintStream(this.printed, true), terminal, this.clock::get);
	}

}
