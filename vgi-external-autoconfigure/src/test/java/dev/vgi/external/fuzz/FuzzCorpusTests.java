package dev.vgi.external.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/**
 * What the fuzzer has found, once more: the inputs that reach what others do not, and
 * those that once failed. {@code docs/fuzzing.md} says how to find further ones.
 */
class FuzzCorpusTests {

	private static final long LARGEST_FILE = 4 << 10;

	private static final long LARGEST_CORPUS = 300 << 10;

	@ParameterizedTest
	@EnumSource
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void everyInputKeepsWhatItsTargetPromises(FuzzTarget target) throws IOException {
		List<Path> corpus = corpus(target);
		assertThat(corpus).isNotEmpty();
		for (Path input : corpus) {
			try {
				target.run(Files.readAllBytes(input));
			}
			catch (AssertionError ex) {
				fail(target + "/" + input.getFileName() + ": " + ex.getMessage(), ex);
			}
		}
	}

	@ParameterizedTest
	@EnumSource
	@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void noInputAndShortNoiseAreInputsToo(FuzzTarget target) {
		target.run(new byte[0]);
		for (int i = 0; i < 256; i++) {
			target.run(new byte[] { (byte) i });
			target.run(new byte[] { (byte) i, (byte) (i * 31), (byte) (i * 7), -1, 1, (byte) i });
		}
	}

	@Test
	void theCorpusIsSmall() {
		long all = Stream.of(FuzzTarget.values()).flatMap((target) -> corpus(target).stream()).mapToLong((file) -> {
			assertThat(file).satisfies((each) -> assertThat(Files.size(each)).isLessThanOrEqualTo(LARGEST_FILE));
			return file.toFile().length();
		}).sum();
		assertThat(all).isLessThan(LARGEST_CORPUS);
	}

	private static List<Path> corpus(FuzzTarget target) {
		try (Stream<Path> files = Files
			.list(Path.of(Objects.requireNonNull(FuzzCorpusTests.class.getResource("/fuzz/" + target)).toURI()))) {
			return files.sorted().toList();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		catch (URISyntaxException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
