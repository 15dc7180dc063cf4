package dev.vgi.external;

import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.vgi.external.test.AutoConfigureVgiExternal;
import org.junit.jupiter.api.Test;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Holds that the published test jar needs no other class of these tests, and of libraries
 * only those that an application with Boot's starter for tests has.
 */
class TestJarTests {

	private static final Path CLASSES = Path
		.of(AutoConfigureVgiExternal.class.getProtectionDomain().getCodeSource().getLocation().getPath());

	/** What the page about tests asks for, and what comes with the starter. */
	private static final String[] LIBRARIES = { "java..", "com.sun.net.httpserver", "org.junit.jupiter.api..",
			"org.junit.jupiter.params..", "org.opentest4j..", "org.assertj..", "org.apache.arrow..", "org.jspecify..",
			"com.github.luben.zstd..", "org.springframework.." };

	@Test
	void publishedClassesNeedNoOthersOfTheTests() throws Exception {
		JavaClasses published = new ClassFileImporter().importPaths(published());
		Set<String> names = published.stream().map(JavaClass::getName).collect(Collectors.toCollection(TreeSet::new));
		assertThat(names).contains(AutoConfigureVgiExternal.class.getName(),
				"dev.vgi.external.storage.ExternalStorageContractTests");
		assertThat(names).noneMatch((name) -> name.startsWith("dev.vgi.external.test.") && name.contains("Tests"));
		classes().should()
			.onlyDependOnClassesThat(JavaClass.Predicates.resideInAnyPackage(LIBRARIES)
				.or(DescribedPredicate.describe("are published or of the library",
						(type) -> isPublished(names, type.getBaseComponentType()))))
			.check(published);
	}

	private static boolean isPublished(Set<String> names, JavaClass type) {
		return type.isPrimitive() || names.contains(type.getName())
				|| (type.getName().startsWith("dev.vgi.external.") && !Files.exists(file(type)));
	}

	private static Path file(JavaClass type) {
		return CLASSES.resolve(type.getName().replace('.', '/') + ".class");
	}

	private static List<Path> published() throws Exception {
		String pom = Files.readString(Path.of("pom.xml"));
		List<PathMatcher> includes = matchers(pom, "include");
		List<PathMatcher> excludes = matchers(pom, "exclude");
		try (Stream<Path> files = Files.walk(CLASSES)) {
			return files.filter(Files::isRegularFile)
				.filter((file) -> matches(includes, file) && !matches(excludes, file))
				.toList();
		}
	}

	private static List<PathMatcher> matchers(String pom, String element) {
		return Pattern.compile("<" + element + ">(dev/.*\\.class)</" + element + ">")
			.matcher(pom)
			.results()
			.map((MatchResult match) -> FileSystems.getDefault().getPathMatcher("glob:" + match.group(1)))
			.toList();
	}

	private static boolean matches(List<PathMatcher> matchers, Path file) {
		return matchers.stream().anyMatch((matcher) -> matcher.matches(CLASSES.relativize(file)));
	}

}
