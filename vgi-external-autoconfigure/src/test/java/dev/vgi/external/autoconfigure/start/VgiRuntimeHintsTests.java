package dev.vgi.external.autoconfigure.start;

import java.io.Console;
import java.io.File;
import java.nio.file.Path;
import java.util.Objects;

import org.junit.jupiter.api.Test;

import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;
import org.springframework.beans.factory.aot.AotServices;
import org.springframework.util.ClassUtils;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VgiRuntimeHints}.
 */
class VgiRuntimeHintsTests {

	private static final String PAGE = "dev/vgi/external/autoconfigure/actuate/page/";

	private final RuntimeHints hints = new RuntimeHints();

	VgiRuntimeHintsTests() {
		new VgiRuntimeHints().registerHints(this.hints, getClass().getClassLoader());
	}

	@Test
	void springFindsThem() {
		assertThat(AotServices.factories().load(RuntimeHintsRegistrar.class))
			.hasAtLeastOneElementOfType(VgiRuntimeHints.class);
	}

	@Test
	void allFilesOfThePageAreResources() throws Exception {
		Path folder = Path.of(Objects.requireNonNull(getClass().getClassLoader().getResource(PAGE)).toURI());
		assertThat(folder.toFile().listFiles(File::isFile)).isNotEmpty()
			.allSatisfy((file) -> assertThat(RuntimeHintsPredicates.resource().forResource(PAGE + file.getName()))
				.accepts(this.hints));
		assertThat(folder.toFile().listFiles(File::isDirectory)).isEmpty();
	}

	@Test
	void privatePartsOfOthersAreReachable() throws Exception {
		Class<?> client = ClassUtils.forName("org.springframework.web.client.DefaultRestClient", null);
		assertThat(RestClient.create()).isInstanceOf(client);
		assertThat(RuntimeHintsPredicates.reflection().onFieldAccess(client, "clientRequestFactory"))
			.accepts(this.hints);
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Console.class.getMethod("flush")))
			.accepts(this.hints);
	}

	@Test
	void nothingIsMissedWithoutSpringWeb() {
		RuntimeHints few = new RuntimeHints();
		new VgiRuntimeHints().registerHints(few, new ClassLoader(null) {
		});
		assertThat(few.reflection().typeHints()).hasSize(1);
	}

}
