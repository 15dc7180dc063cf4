package dev.vgi.external;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.vgi.external.storage.SignedUrlStorage;
import dev.vgi.external.storage.VendedUrlMatcher;
import dev.vgi.external.storage.custom.SignedLinkStorage;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Counts how often each pattern of this library looks at a character of a text that a
 * stranger has made for it.
 */
class PatternGrowthTests {

	private static final int LENGTH = 1000;

	/** A pattern whose work grows with the square comes to hundreds. */
	private static final int LOOKS_PER_CHARACTER = 100;

	/** These are compared with whole texts only. */
	private static final Set<String> NEVER_SEARCHED = Set.of("WITH_PORT", "OBJECT");

	private static final String OBJECT = "https://a.example/c/0123456789abcdef0123456789abcdef.arrow?";

	private static final List<String> BEGINNINGS = List.of("", "bytes ", "bytes 0-1 ", "bytes=", "<Code>",
			"\"reason\":\"", OBJECT, "/_vgi/objects/", "[");

	private static final List<String> PIECES = List.of("a", "0", "1.", "A-", "*", "[", ":", " ", "\t", "\n", "/", "0x",
			"://", "a://", "a:/", "?Signature", "&Signature=", "&signature=a", "&signature=a&", "?X-Amz-", "&sig",
			"&X-Amz-Signature=0", "&expires=1", "<Code>", "<Code>a", "\"reason\"", "\"reason\" : \"a", "bytes=0-",
			"bytes 0-1/", "503 ", OBJECT, "/_vgi/objects/", ".arrow");

	private static final List<String> ENDS = List.of("", "#", "<");

	@Test
	void looksAtEachCharacterAFewTimes() throws Exception {
		Map<String, Pattern> patterns = patterns();
		assertThat(patterns).hasSizeGreaterThan(15);
		for (String beginning : BEGINNINGS) {
			for (String piece : PIECES) {
				for (String end : ENDS) {
					String text = beginning + piece.repeat(LENGTH / piece.length()) + end;
					String shown = beginning + piece + "..." + end;
					patterns.forEach((name, pattern) -> look(name, pattern, text, shown));
				}
			}
		}
	}

	private static void look(String name, Pattern pattern, String text, String shown) {
		Matcher matcher = pattern.matcher(new CountedText(text, name + ": " + shown));
		matcher.matches();
		if (!NEVER_SEARCHED.contains(name.substring(name.lastIndexOf('.') + 1))) {
			matcher.reset();
			while (matcher.find()) {
				// What follows a match is looked at too.
			}
		}
	}

	private static Map<String, Pattern> patterns() throws Exception {
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			Map<Class<?>, Object> instances = Map.of(SignedUrlStorage.class,
					new SignedLinkStorage(transport, URI.create("https://a.example/c"), new byte[32],
							Clock.systemUTC()),
					VendedUrlMatcher.class, VendedUrlMatcher.like(URI.create(OBJECT + "X-Amz-Signature=0"), "c", "",
							"0123456789abcdef0123456789abcdef.arrow", "X-Amz-Signature"));
			Map<String, Pattern> patterns = new TreeMap<>();
			for (JavaClass type : new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
				.importPackages("dev.vgi.external")) {
				for (JavaField candidate : type.getFields()) {
					if (candidate.getRawType().isEquivalentTo(Pattern.class)) {
						Field field = candidate.reflect();
						field.setAccessible(true);
						Object owner = Modifier.isStatic(field.getModifiers()) ? null
								: instances.get(field.getDeclaringClass());
						patterns.put(candidate.getFullName(), (Pattern) field.get(owner));
					}
				}
			}
			return patterns;
		}
	}

	/**
	 * A text that counts who looks at it.
	 */
	private static final class CountedText implements CharSequence {

		private final String text;

		private final String shown;

		private long looks;

		CountedText(String text, String shown) {
			this.text = text;
			this.shown = shown;
		}

		@Override
		public int length() {
			return this.text.length();
		}

		@Override
		public char charAt(int index) {
			if (this.looks++ > (long) LOOKS_PER_CHARACTER * this.text.length()) {
				throw new AssertionError(this.shown);
			}
			return this.text.charAt(index);
		}

		@Override
		public CharSequence subSequence(int start, int end) {
			return this.text.subSequence(start, end);
		}

		@Override
		public String toString() {
			return this.text;
		}

	}

}
