package dev.vgi.external;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Makes the public surface a decision: a type that becomes public, or is no longer, has
 * to be entered into {@code public-types.txt} too.
 */
class PublicTypesTests {

	@Test
	void publicTypesAreThoseOfTheApprovedList() throws Exception {
		List<String> found = new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
			.importPackages("dev.vgi.external")
			.stream()
			.filter(JavaClass::isTopLevelClass)
			.filter((type) -> type.getModifiers().contains(JavaModifier.PUBLIC))
			.map(JavaClass::getName)
			.sorted()
			.toList();
		assertThat(found).containsExactlyElementsOf(approved());
	}

	private static List<String> approved() throws Exception {
		try (InputStream list = PublicTypesTests.class.getResourceAsStream("/public-types.txt")) {
			assertThat(list).isNotNull();
			return new String(list.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
		}
	}

}
