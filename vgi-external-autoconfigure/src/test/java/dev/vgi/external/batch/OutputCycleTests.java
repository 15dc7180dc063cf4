package dev.vgi.external.batch;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link OutputCycle} and {@link LogSink}.
 */
class OutputCycleTests {

	private static final LogMessage LOG = new LogMessage("INFO", "m", Map.of());

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void closingACycleFreesItsBatch() {
		OutputCycle cycle = OutputCycle.of(SampleBatches.numbers(this.allocator, 3));
		assertThat(cycle.logs()).isEmpty();
		assertThat(this.allocator.getAllocatedMemory()).isPositive();
		cycle.close();
		cycle.close();
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void logsAreCopied() {
		List<LogMessage> logs = new ArrayList<>(List.of(LOG));
		try (OutputCycle cycle = new OutputCycle(logs, SampleBatches.numbers(this.allocator, 3))) {
			logs.clear();
			assertThat(cycle.logs()).containsExactly(LOG);
		}
	}

	@Test
	void onlyASinkThatDropsEverythingSaysSo() {
		List<LogMessage> received = new ArrayList<>();
		LogSink sink = received::add;
		assertThat(sink.isDiscarding()).isFalse();
		assertThat(LogSink.discarding().isDiscarding()).isTrue();
		LogSink.discarding().log(LOG);
		sink.log(LOG);
		assertThat(received).containsExactly(LOG);
	}

}
