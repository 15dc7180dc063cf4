package dev.vgi.external.sample.demo;

import java.net.URI;
import java.util.List;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link DemoOptions}.
 */
class DemoOptionsTests {

	@Test
	void withoutArgumentsStartsAService() {
		assertThat(DemoOptions.parse(List.of())).isEqualTo(new DemoOptions(null, false, false));
	}

	@Test
	void urlIsTakenInBothSpellings() {
		DemoOptions expected = new DemoOptions(URI.create("http://localhost:8080"), false, false);
		assertThat(DemoOptions.parse(List.of("--url", "http://localhost:8080/"))).isEqualTo(expected);
		assertThat(DemoOptions.parse(List.of("--url=http://localhost:8080"))).isEqualTo(expected);
	}

	@Test
	void whatIsStartedCanBeKept() {
		assertThat(DemoOptions.parse(List.of("--keep"))).isEqualTo(new DemoOptions(null, true, false));
		assertThat(DemoOptions.parse(List.of("--url=http://localhost:8080", "--keep")).keep()).isTrue();
	}

	@Test
	void helpIsUnderstood() {
		assertThat(DemoOptions.parse(List.of("--help")).help()).isTrue();
	}

	@Test
	void whatIsNotUnderstoodIsRefused() {
		assertThatIllegalArgumentException().isThrownBy(() -> DemoOptions.parse(List.of("--port")))
			.withMessage("Not understood: --port");
		assertThatIllegalArgumentException().isThrownBy(() -> DemoOptions.parse(List.of("--url")))
			.withMessage("Not understood: --url");
		assertThatIllegalArgumentException().isThrownBy(() -> DemoOptions.parse(List.of("--url", "localhost:8080")))
			.withMessageStartingWith("Not the URL of a service");
	}

}
