package dev.vgi.external.sample.demo;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link ProgressDisplay}.
 */
class ProgressDisplayTests {

	private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

	private final AtomicLong clock = new AtomicLong();

	@Test
	void terminalGetsBarThatIsDrawnOverAndCleared() {
		ProgressDisplay display = display(true);
		display.show("fetch", 0, 100_000_000);
		this.clock.addAndGet(Duration.ofSeconds(1).toNanos());
		display.show("fetch", 50_000_000, 100_000_000);
		display.end();
		assertThat(this.printed.toString().split("\r")).containsExactly("",
				"  fetch [" + " ".repeat(30) + "]   0 % of 100.0 MB\u001b[K",
				"  fetch [" + "#".repeat(15) + " ".repeat(15) + "]  50 % of 100.0 MB\u001b[K", "\u001b[K");
	}

	@Test
	void terminalIsNotFloodedButShowsTheEnd() {
		ProgressDisplay display = display(true);
		for (long done = 0; done <= 100_000_000; done += 100_000) {
			display.show("fetch", done, 100_000_000);
		}
		assertThat(List.of(this.printed.toString().split("\r"))).hasSize(3).last().asString().contains("100 %");
	}

	@Test
	void elsewhereGetsLinePerQuarter() {
		ProgressDisplay display = display(false);
		for (long done = 0; done <= 100_000_000; done += 1_000_000) {
			display.show("upload", done, 100_000_000);
		}
		display.end();
		assertThat(this.printed.toString().lines()).containsExactly("  upload   0 % of 100.0 MB",
				"  upload  25 % of 100.0 MB", "  upload  50 % of 100.0 MB", "  upload  75 % of 100.0 MB",
				"  upload 100 % of 100.0 MB");
	}

	@Test
	void unknownTotalShowsBytes() {
		display(false).show("fetch", 5_000_000, -1);
		assertThat(this.printed.toString()).isEqualToIgnoringNewLines("  fetch 5.0 MB");
	}

	@Test
	void shortTransferShowsNothing() {
		ProgressDisplay display = display(true);
		display.show("fetch", 1000, 1000);
		display.end();
		assertThat(this.printed.toString()).isEmpty();
	}

	private ProgressDisplay display(boolean terminal) {
		return new ProgressDisplay(new PrintStream(this.printed, true), terminal, this.clock::get);
	}

}
