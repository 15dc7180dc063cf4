package dev.vgi.external;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.domain.JavaTypeVariable;
import com.tngtech.archunit.core.domain.properties.HasModifiers;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import org.junit.jupiter.api.Test;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Makes the public surface a decision: a type that becomes public, or is no longer, has
 * to be entered into {@code public-types.txt} too, unless it is {@link Internal}, and
 * what is public mentions nothing internal.
 */
class PublicTypesTests {

	private static final JavaClasses CLASSES = new ClassFileImporter()
		.withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
		.importPackages("dev.vgi.external");

	@Test
	void publicTypesAreThoseOfTheApprovedList() throws Exception {
		Set<String> added = CLASSES.stream()
			.filter((type) -> type.isTopLevelClass() && isPublic(type))
			.map(JavaClass::getName)
			.collect(Collectors.toCollection(TreeSet::new));
		List<String> approved = approved();
		assertThat(approved).isSorted();
		Set<String> removed = new TreeSet<>(approved);
		removed.removeAll(added);
		approved.forEach(added::remove);
		assertThat(Stream.concat(added.stream().map("+"::concat), removed.stream().map("-"::concat)))
			.as("lines to add (+) to src/test/resources/public-types.txt and to remove (-), if this change is meant")
			.isEmpty();
	}

	private static List<String> approved() throws Exception {
		try (InputStream list = PublicTypesTests.class.getResourceAsStream("/public-types.txt")) {
			assertThat(list).isNotNull();
			return new String(list.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
		}
	}

	@Test
	void whatIsPublicMentionsNothingInternal() {
		assertThat(CLASSES).anyMatch(PublicTypesTests::isInternal);
		classes().that(DescribedPredicate.describe("are public", PublicTypesTests::isPublic))
			.should(mentionNothingInternal())
			.check(CLASSES);
	}

	private static ArchCondition<JavaClass> mentionNothingInternal() {
		return new ArchCondition<>("mention nothing internal") {

			@Override
			public void check(JavaClass type, ConditionEvents events) {
				check(type, type.getName(), supertypes(type), events);
				for (JavaMember member : type.getMembers()) {
					if (isAccessible(member)) {
						check(type, member.getFullName(), types(member), events);
					}
				}
			}

			private void check(JavaClass type, String where, Stream<JavaType> mentioned, ConditionEvents events) {
				mentioned.flatMap((mention) -> mention.getAllInvolvedRawTypes().stream())
					.filter(PublicTypesTests::isInternal)
					.forEach((mention) -> events
						.add(SimpleConditionEvent.violated(type, where + " mentions " + mention.getName())));
			}

		};
	}

	private static Stream<JavaType> supertypes(JavaClass type) {
		return Stream.of(type.getSuperclass().stream(), type.getInterfaces().stream(), bounds(type.getTypeParameters()))
			.flatMap((types) -> types);
	}

	private static Stream<JavaType> types(JavaMember member) {
		if (member instanceof JavaField field) {
			return Stream.of(field.getType());
		}
		JavaCodeUnit unit = (JavaCodeUnit) member;
		List<JavaType> types = new ArrayList<>(unit.getParameterTypes());
		types.add(unit.getReturnType());
		types.addAll(unit.getExceptionTypes());
		return Stream.concat(types.stream(), bounds(unit.getTypeParameters()));
	}

	private static Stream<JavaType> bounds(List<? extends JavaTypeVariable<?>> parameters) {
		return parameters.stream().flatMap((parameter) -> parameter.getUpperBounds().stream());
	}

	private static boolean isPublic(JavaClass type) {
		return !isInternal(type) && isAccessible(type)
				&& type.getEnclosingClass().map(PublicTypesTests::isPublic).orElse(true);
	}

	private static boolean isAccessible(HasModifiers declaration) {
		Set<JavaModifier> modifiers = declaration.getModifiers();
		return (modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED))
				&& !modifiers.contains(JavaModifier.SYNTHETIC);
	}

	private static boolean isInternal(JavaClass type) {
		return type.getPackage().isAnnotatedWith(Internal.class) || type.isAnnotatedWith(Internal.class)
				|| type.getEnclosingClass().map(PublicTypesTests::isInternal).orElse(false);
	}

}
