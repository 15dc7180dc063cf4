package dev.vgi.external.batch;

import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link ReadOptions}.
 */
@NullUnmarked
class ReadOptionsTests {

	private static final ReadLimits LIMITS = new ReadLimits(1, 2, 3);

	@Test
	void defaultsLimitTheHeapOnly() {
		assertThat(ReadOptions.defaults().limits()).isEqualTo(ReadLimits.defaults());
		assertThat(ReadOptions.defaults().maxSize()).isEqualTo(Long.MAX_VALUE);
		assertThat(ReadOptions.of(LIMITS).limits()).isEqualTo(LIMITS);
		assertThat(ReadOptions.of(LIMITS).maxSize()).isEqualTo(Long.MAX_VALUE);
	}

	@Test
	void oneOptionIsChangedInACopy() {
		long[] watched = new long[1];
		ReadOptions options = ReadOptions.of(LIMITS).withMaxSize(7).withWatch((bytes) -> watched[0] += bytes);
		assertThat(options.limits()).isEqualTo(LIMITS);
		assertThat(options.maxSize()).isEqualTo(7);
		assertThat(options.withMaxSize(0).maxSize()).isZero();
		options.withMaxSize(0).watch().accept(3);
		assertThat(watched).containsExactly(3);
	}

	@Test
	void optionsThatMakeNoSenseAreRefused() {
		ReadOptions options = ReadOptions.defaults();
		assertThatIllegalArgumentException().isThrownBy(() -> options.withMaxSize(-1))
			.withMessageContaining("'maxSize'");
		assertThatIllegalArgumentException().isThrownBy(() -> options.withWatch(null)).withMessageContaining("'watch'");
		assertThatIllegalArgumentException().isThrownBy(() -> ReadOptions.of(null)).withMessageContaining("'limits'");
	}

}
