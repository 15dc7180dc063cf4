package dev.vgi.external;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;

import dev.vgi.external.Pages.Block;

/**
 * The Java code of a page. A block is part of a source of this project, with the imports
 * that the source has for it. Or it compiles: as a compilation unit, or behind its
 * imports as members of a class, or as statements. It sees the imports and the types of
 * the blocks that were checked before it.
 */
final class DocumentedJava {

	private static final Pattern IMPORT = Pattern.compile("(?m)^import (static )?[\\w.]+\\.([\\w*]+);$");

	private static final Pattern PACKAGE = Pattern.compile("(?m)^package [\\w.]+;$");

	private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();

	/** Of all blocks, because it takes long to open some hundred jars. */
	private static final StandardJavaFileManager FILES = COMPILER.getStandardFileManager(null, null, null);

	private static final List<File> CLASS_PATH = Arrays
		.stream(System.getProperty("java.class.path").split(File.pathSeparator))
		.map(File::new)
		.toList();

	private static final Map<Path, Source> SOURCES = sources();

	private final Path folder;

	/** Of the blocks so far, by simple name. The last one of a name counts. */
	private final Map<String, String> imports = new LinkedHashMap<>();

	/** What the page said last. */
	private String packageLine = "";

	/**
	 * Creates an instance.
	 * @param folder where the classes of the page go
	 */
	DocumentedJava(Path folder) {
		this.folder = folder;
	}

	/**
	 * Tells whether a block is part of a source of this project.
	 * @param block the block
	 * @return whether one contains it
	 */
	static boolean isCopy(Block block) {
		String body = withoutBlanks(withoutImports(block.text()));
		return SOURCES.values().stream().anyMatch((source) -> source.code().contains(body));
	}

	/**
	 * Checks a block.
	 * @param block the block
	 * @return what is wrong with it, nothing for a good one
	 */
	List<String> check(Block block) throws IOException {
		PACKAGE.matcher(block.text()).results().forEach((line) -> this.packageLine = line.group());
		IMPORT.matcher(block.text())
			.results()
			.forEach((line) -> this.imports.put((line.group(1) != null) ? line.group() : line.group(2), line.group()));
		// Also a copy, for what comes after it.
		List<String> errors = compile(block);
		if (!isCopy(block)) {
			return errors;
		}
		String body = withoutBlanks(withoutImports(block.text()));
		List<List<String>> missing = SOURCES.values()
			.stream()
			.filter((source) -> source.code().contains(body))
			.map((source) -> source.imports()
				.entrySet()
				.stream()
				.filter((name) -> Pattern.compile("\\b" + name.getKey() + "\\b").matcher(block.text()).find())
				.map(Map.Entry::getValue)
				.filter((line) -> !this.imports.containsValue(line))
				.toList())
			.toList();
		return missing.contains(List.<String>of()) ? List.of() : missing.get(0);
	}

	private List<String> compile(Block block) throws IOException {
		String imports = this.packageLine + "\n" + String.join("\n", this.imports.values()) + "\n";
		String body = withoutImports(block.text());
		String name = "Block" + block.line();
		List<String> found = new ArrayList<>();
		for (String source : List.of(imports + body, imports + "class " + name + " {\n" + body + "\n}",
				imports + "class " + name + " { void run() throws Exception {\n" + body + "\n} }")) {
			DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
			if (compile(source, diagnostics)) {
				return List.of();
			}
			List<String> errors = diagnostics.getDiagnostics()
				.stream()
				.filter((each) -> each.getKind() == Diagnostic.Kind.ERROR)
				.map((each) -> each.getLineNumber() + ": " + each.getMessage(null))
				.toList();
			// What does not parse says nothing about a form that does.
			if (found.isEmpty() || diagnostics.getDiagnostics().stream().anyMatch(DocumentedJava::isUnknownName)) {
				found = errors;
			}
		}
		return found;
	}

	private static boolean isUnknownName(Diagnostic<?> diagnostic) {
		return diagnostic.getCode().startsWith("compiler.err.cant.") || diagnostic.getCode().endsWith(".exist");
	}

	private boolean compile(String source, DiagnosticCollector<JavaFileObject> diagnostics) throws IOException {
		FILES.setLocation(StandardLocation.CLASS_OUTPUT, List.of(this.folder.toFile()));
		List<File> classPath = new ArrayList<>(CLASS_PATH);
		classPath.add(this.folder.toFile());
		FILES.setLocation(StandardLocation.CLASS_PATH, classPath);
		List<String> options = List.of("-proc:none", "-nowarn", "-parameters", "-source", "17");
		return COMPILER.getTask(null, FILES, diagnostics, options, null, List.of(new Text(source))).call();
	}

	private static String withoutImports(String code) {
		return PACKAGE.matcher(IMPORT.matcher(code).replaceAll("")).replaceAll("").strip();
	}

	private static String withoutBlanks(String code) {
		return code.replaceAll("\\s+", "");
	}

	private static Map<Path, Source> sources() {
		return Stream.of("vgi-external-autoconfigure/src", "sample-app/src")
			.flatMap((folder) -> Pages.files(Pages.ROOT.resolve(folder), 99))
			.filter((file) -> file.toString().endsWith(".java"))
			.collect(Collectors.toMap((file) -> file, Source::of));
	}

	/**
	 * A source of this project.
	 *
	 * @param code its code without blanks
	 * @param imports its imports by simple name
	 */
	private record Source(String code, Map<String, String> imports) {

		static Source of(Path file) {
			try {
				String text = Files.readString(file);
				Map<String, String> imports = new LinkedHashMap<>();
				IMPORT.matcher(text).results().forEach((line) -> imports.put(line.group(2), line.group()));
				return new Source(withoutBlanks(text), imports);
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}

	}

	/**
	 * A source as text. Its file has the name of its public type, if it has one.
	 */
	private static final class Text extends SimpleJavaFileObject {

		private static final Pattern TYPE = Pattern
			.compile("(?m)^public (?:\\w+ )*(?:class|interface|record|enum|@interface) (\\w+)");

		private final String text;

		Text(String text) {
			super(URI.create("string:///"
					+ TYPE.matcher(text).results().findFirst().map((match) -> match.group(1)).orElse("Unit")
					+ Kind.SOURCE.extension), Kind.SOURCE);
			this.text = text;
		}

		@Override
		public CharSequence getCharContent(boolean ignoreEncodingErrors) {
			return this.text;
		}

	}

}
