package dev.vgi.external.batch;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link WorkMeter}.
 */
class WorkMeterTests {

	private static final long FREE = 1 << 24;

	private static final int MIB = 1 << 20;

	private final List<Long> told = new ArrayList<>();

	private final WorkMeter meter = new WorkMeter(this.told::add, 1000);

	@Test
	void workIsToldAboutEveryMebibyte() {
		this.meter.done(MIB - 1);
		assertThat(this.told).isEmpty();
		this.meter.done(1);
		assertThat(this.told).containsExactly((long) MIB);
		this.meter.arrived(MIB / 2);
		this.meter.spend(MIB);
		assertThat(this.told).containsExactly((long) MIB, MIB / 2L + MIB);
	}

	@Test
	void rowsAreToldAboutNowAndThen() {
		for (int row = 0; row < 3 << 14; row++) {
			this.meter.row(row, 32);
		}
		assertThat(this.told).as("the first two parts together").containsExactly((long) MIB);
		for (int row = 0; row < 1 << 14; row++) {
			this.meter.row(row, 32);
		}
		assertThat(this.told).containsExactly((long) MIB, (long) MIB);
	}

	@Test
	void partOfTheRowsIsNotTold() {
		for (int row = 0; row < (1 << 14) - 1; row++) {
			this.meter.row(row, MIB);
		}
		assertThat(this.told).isEmpty();
		this.meter.row((1 << 14) - 1, MIB);
		assertThat(this.told).containsExactly((long) MIB << 14);
	}

	@Test
	void someWorkIsFree() {
		this.meter.spend(FREE);
		assertRefused(1);
	}

	@Test
	void eachByteThatArrivesPaysForEight() {
		this.meter.arrived(10);
		this.meter.spend(FREE + 80);
		assertRefused(1);
		this.meter.arrived(1);
		this.meter.spend(7);
	}

	@Test
	void whatBuffersDecodeToPaysToo() {
		this.meter.expanding(10);
		assertThat(this.meter.expanded()).isEqualTo(10);
		this.meter.spend(FREE + 80);
		assertRefused(1);
	}

	private void assertRefused(long work) {
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> this.meter.spend(work))
			.withMessageContaining("more work than its bytes");
	}

	@Test
	void decodedBuffersAreWithinTheMaximumSize() {
		this.meter.arrived(300);
		this.meter.expanding(400);
		assertTooLong(301);
		this.meter.expanding(300);
		assertThat(this.meter.expanded()).isEqualTo(700);
		assertTooLong(1);
		assertThatCode(() -> this.meter.expanding(0)).doesNotThrowAnyException();
		this.meter.newAccount();
		assertThat(this.meter.expanded()).isZero();
		assertTooLong(1001);
		this.meter.expanding(1000);
	}

	private void assertTooLong(long bytes) {
		assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(() -> this.meter.expanding(bytes))
			.satisfies((ex) -> assertThat(ex.limit()).isEqualTo(1000));
	}

}
