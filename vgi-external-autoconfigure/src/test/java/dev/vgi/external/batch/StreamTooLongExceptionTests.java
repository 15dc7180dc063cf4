package dev.vgi.external.batch;

import java.util.function.LongConsumer;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link StreamTooLongException}.
 */
class StreamTooLongExceptionTests {

	@Test
	void whatIsCreatedMayReachTheLimit() {
		LongConsumer meter = StreamTooLongException.meter(10);
		meter.accept(4);
		meter.accept(6);
		meter.accept(0);
		assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(() -> meter.accept(1))
			.satisfies((ex) -> assertThat(ex.limit()).isEqualTo(10));
	}

}
