package dev.vgi.external;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.Pages.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.PropertySource;
import org.springframework.core.io.ByteArrayResource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Every block of code of every page: it compiles, or it parses and configures what there
 * is. Blocks of Python and JavaScript are parsed by {@code .ci/interop.d/pages.py},
 * because the build has neither.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DocumentedCodeTests {

	private static final Set<String> LANGUAGES = Set.of("java", "yaml", "properties", "xml", "json", "sh", "bash",
			"shell", "python", "js", "ts", "dockerfile", "text");

	/** A page whose application that of another page is. */
	private static final Pattern CONTINUES = Pattern.compile("(?m)^<!-- continues (\\S+) -->$");

	@TempDir
	private Path folder;

	static List<Block> blocks() {
		return Pages.blocks();
	}

	static List<Path> pagesWithJava() {
		return Pages.all().stream().filter((page) -> !javaOf(page).isEmpty()).toList();
	}

	private static List<Block> javaOf(Path page) {
		return Pages.blocks(page).stream().filter((block) -> block.language().equals("java")).toList();
	}

	@Test
	void everyBlockHasALanguageThatIsChecked() {
		assertThat(blocks()).hasSizeGreaterThan(80)
			.allSatisfy((block) -> assertThat(block.language()).as(block.toString()).isIn(LANGUAGES));
	}

	@Test
	void blocksOfOtherLanguagesHaveTheirCheck() throws Exception {
		String check = Files.readString(Pages.ROOT.resolve(".ci/interop.d/pages.py"));
		assertThat(check).contains("\"python\"", "\"js\"", "\"ts\"");
	}

	@ParameterizedTest
	@MethodSource("pagesWithJava")
	void javaCompiles(Path page) throws Exception {
		DocumentedJava code = new DocumentedJava(this.folder);
		Map<Block, List<String>> wrong = new LinkedHashMap<>();
		Matcher continued = CONTINUES.matcher(Files.readString(page));
		if (continued.find()) {
			for (Block block : javaOf(page.resolveSibling(continued.group(1)))) {
				code.check(block);
			}
		}
		List<Block> blocks = javaOf(page);
		int before;
		do {
			before = blocks.size();
			wrong.clear();
			for (Block block : blocks) {
				List<String> errors = code.check(block);
				if (!errors.isEmpty()) {
					wrong.put(block, errors);
				}
			}
			// A page may show what a block needs after it.
			blocks = List.copyOf(wrong.keySet());
		}
		while (!blocks.isEmpty() && blocks.size() < before);
		assertThat(wrong).isEmpty();
	}

	/**
	 * Not only compiled, but run: these blocks are parts of tests, or of the sample.
	 */
	@ParameterizedTest
	@CsvSource({ "streams.md, 5", "security.md, 2", "plain-java.md, 3", "workers.md, 2", "custom-storage.md, 1",
			"testing.md, 7" })
	void codeOfAPageIsCodeOfAProgram(String page, int blocks) {
		assertThat(javaOf(Pages.ROOT.resolve("docs").resolve(page)).stream().filter(DocumentedJava::isCopy))
			.hasSizeGreaterThanOrEqualTo(blocks);
	}

	@Test
	void settingsExist() throws Exception {
		DocumentedSettings known = new DocumentedSettings();
		Map<String, List<String>> wrong = new LinkedHashMap<>();
		for (Block block : blocks()) {
			if (block.language().equals("yaml")) {
				new Yaml().loadAll(block.text()).forEach((document) -> assertThat(document).isNotNull());
				// Of Kubernetes, Prometheus and others.
				if (!block.text().matches("(?s).*(?m)^(apiVersion|groups|scrape_configs|services|  *- name):.*")) {
					wrong.put(block.toString(), known.check(settings(block)));
				}
			}
			else if (block.language().equals("properties")) {
				Properties properties = new Properties();
				properties.load(new ByteArrayInputStream(block.text().getBytes(StandardCharsets.ISO_8859_1)));
				Map<String, String> settings = new TreeMap<>();
				properties.forEach((key, value) -> settings.put((String) key, (String) value));
				wrong.put(block.toString(), known.check(settings));
			}
		}
		assertThat(wrong).hasSizeGreaterThan(10).allSatisfy((block, errors) -> assertThat(errors).as(block).isEmpty());
	}

	/**
	 * A key that is not there is found, also one in a map.
	 */
	@Test
	void unknownSettingIsFound() throws Exception {
		DocumentedSettings known = new DocumentedSettings();
		assertThat(known.check(Map.of("vgi.external.s3.bukket", "a"))).isNotEmpty();
		assertThat(known.check(Map.of("vgi.rpc.workers.model.comand", "a"))).isNotEmpty();
		assertThat(known.check(Map.of("vgi.external.externalize-threshold", "large"))).isNotEmpty();
		assertThat(known.check(Map.of("management.endpoint.health.groop", "a"))).isNotEmpty();
		assertThat(known.check(Map.of("vgi.external.externalize-threshold", "2MB"))).isEmpty();
	}

	static Map<String, String> settings(Block block) throws Exception {
		Map<String, String> settings = new TreeMap<>();
		for (PropertySource<?> source : new YamlPropertySourceLoader().load(block.toString(),
				new ByteArrayResource(block.text().getBytes(StandardCharsets.UTF_8)))) {
			for (String key : ((EnumerablePropertySource<?>) source).getPropertyNames()) {
				settings.put(key, String.valueOf(source.getProperty(key)));
			}
		}
		return settings;
	}

	@Test
	void artifactsExist() throws Exception {
		DocumentedPoms known = new DocumentedPoms();
		Map<String, List<String>> wrong = new LinkedHashMap<>();
		for (Block block : blocks()) {
			if (block.language().equals("xml")) {
				wrong.put(block.toString(), known.check(block.text()));
			}
		}
		assertThat(wrong).isNotEmpty().allSatisfy((block, errors) -> assertThat(errors).as(block).isEmpty());
		assertThat(known.check("<dependency><groupId>dev.vgi</groupId><artifactId>vgi</artifactId></dependency>"))
			.isNotEmpty();
	}

	/**
	 * Three dots stand for what was left out.
	 */
	@Test
	void jsonParses() {
		assertThat(blocks()).filteredOn((block) -> block.language().equals("json"))
			.isNotEmpty()
			.allSatisfy((block) -> assertThat(JsonMapper.shared()
				.readTree(block.text().replaceAll("([\\[{]\\s*)\\.\\.\\.,?", "$1").replaceAll(",\\s*\\.\\.\\.", "")))
				.as(block.toString())
				.isNotNull());
	}

	@Test
	void dockerfilesHaveInstructions() {
		Pattern instruction = Pattern.compile("#.*|(FROM|RUN|COPY|ADD|ENTRYPOINT|CMD|ENV|ARG|WORKDIR|USER|EXPOSE) .+");
		assertThat(blocks()).filteredOn((block) -> block.language().equals("dockerfile"))
			.allSatisfy((block) -> assertThat(block.text().replaceAll("\\\\\n\\s*", " ").lines()).as(block.toString())
				.allMatch((line) -> line.isBlank() || instruction.matcher(line).matches()));
	}

	@Test
	void shellParses() throws Exception {
		assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "No bash: the other platforms parse the commands");
		List<String> wrong = new ArrayList<>();
		for (Block block : blocks()) {
			if (Set.of("sh", "bash", "shell").contains(block.language())) {
				Process bash = new ProcessBuilder("/bin/bash", "-n").redirectErrorStream(true).start();
				try (var stream = bash.getOutputStream()) {
					stream.write(block.text().getBytes(StandardCharsets.UTF_8));
				}
				String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
				if (!bash.waitFor(10, TimeUnit.SECONDS) || bash.exitValue() != 0 || !said.isEmpty()) {
					wrong.add(block + ": " + said);
				}
			}
		}
		assertThat(wrong).isEmpty();
	}

	@Test
	void defaultsOfAPageAreThoseOfTheConfiguration() throws Exception {
		List<String> keys = Files.readAllLines(Pages.ROOT.resolve("docs/workers.md"))
			.stream()
			.filter((line) -> line.startsWith("| `vgi."))
			.toList();
		assertThat(keys).isNotEmpty();
		String configuration = Files.readString(Pages.ROOT.resolve("docs/configuration.md"));
		assertThat(keys).allSatisfy((key) -> assertThat(configuration).contains(key + " "));
	}

}
