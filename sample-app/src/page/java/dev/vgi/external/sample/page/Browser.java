package dev.vgi.external.sample.page;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.stream.Stream;

import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.interactions.Actions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.util.StreamUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A real Chromium without a window. Pictures that tests take are in {@code target/page}.
 */
final class Browser implements AutoCloseable {

	private static final Duration PATIENCE = Duration.ofSeconds(15);

	private final ChromeDriver driver;

	Browser() {
		ChromeOptions options = new ChromeOptions();
		options.setBinary(System.getProperty("vgi.test.chromium", "/usr/bin/chromium"));
		// It asks for nothing from the network for itself.
		options.addArguments("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				"--disable-background-networking", "--disable-component-update", "--disable-sync",
				"--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en");
		LoggingPreferences logs = new LoggingPreferences();
		logs.enable(LogType.BROWSER, Level.ALL);
		logs.enable(LogType.PERFORMANCE, Level.ALL);
		options.setCapability(ChromeOptions.LOGGING_PREFS, logs);
		this.driver = new ChromeDriver(new ChromeDriverService.Builder()
			.usingDriverExecutable(
					Path.of(System.getProperty("vgi.test.chromedriver", "/usr/bin/chromedriver")).toFile())
			.build(), options);
		this.driver.manage().timeouts().pageLoadTimeout(PATIENCE).scriptTimeout(PATIENCE);
		size(1400, 1000);
	}

	/**
	 * Set the size of what the page is shown in.
	 * @param width its width in pixels
	 * @param height its height
	 */
	void size(int width, int height) {
		this.driver.executeCdpCommand("Emulation.setDeviceMetricsOverride",
				Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
	}

	/**
	 * Set what the reader prefers.
	 * @param scheme {@code light} or {@code dark}
	 */
	void colorScheme(String scheme) {
		this.driver.executeCdpCommand("Emulation.setEmulatedMedia",
				Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
	}

	/**
	 * Open a page anew, and wait until it shows transfers or says why it cannot.
	 * @param url the page
	 */
	void open(URI url) {
		this.driver.get("about:blank");
		console();
		requests();
		this.driver.get(url.toString());
		await("#content:not([hidden]), #trouble:not([hidden])");
	}

	WebElement await(String selector) {
		return found(selector, () -> all(selector).stream());
	}

	WebElement awaitText(String selector, String text) {
		return found(selector + " with " + text,
				() -> all(selector).stream().filter((element) -> text(element).contains(text)));
	}

	private WebElement found(String what, Supplier<Stream<WebElement>> elements) {
		return Awaitility.await(what)
			.atMost(PATIENCE)
			.pollInterval(Duration.ofMillis(50))
			.ignoreException(StaleElementReferenceException.class)
			.until(() -> elements.get().findFirst(), Optional::isPresent)
			.orElseThrow();
	}

	List<WebElement> all(String selector) {
		return this.driver.findElements(By.cssSelector(selector));
	}

	/**
	 * Return texts as they are in the document, whether in sight or not.
	 * @param selector selects the elements
	 * @return their texts
	 */
	List<String> texts(String selector) {
		Object texts = script(
				"return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)", selector);
		return ((List<?>) Objects.requireNonNull(texts)).stream().map(String::valueOf).toList();
	}

	private static String text(WebElement element) {
		return Objects.toString(element.getDomProperty("textContent"), "");
	}

	void press(CharSequence... keys) {
		new Actions(this.driver).sendKeys(keys).perform();
	}

	/**
	 * Press the tab key until an element has the focus.
	 * @param selector selects the element
	 */
	void tabTo(String selector) {
		for (int presses = 0; presses < 60; presses++) {
			press(Keys.TAB);
			if (Boolean.TRUE.equals(script("return document.activeElement.matches(arguments[0])", selector))) {
				return;
			}
		}
		throw new AssertionError("The keyboard does not reach " + selector);
	}

	@Nullable Object script(String script, Object... arguments) {
		return this.driver.executeScript(script, arguments);
	}

	String title() {
		return this.driver.getTitle();
	}

	/**
	 * Return what was logged since the last call.
	 * @return the messages
	 */
	List<String> console() {
		return this.driver.manage().logs().get(LogType.BROWSER).getAll().stream().map(LogEntry::getMessage).toList();
	}

	/**
	 * Return all requests since the last call, whoever caused them.
	 * @return their URLs
	 */
	List<String> requests() {
		return this.driver.manage()
			.logs()
			.get(LogType.PERFORMANCE)
			.getAll()
			.stream()
			.map((entry) -> JsonMapper.shared().readTree(entry.getMessage()).get("message"))
			.filter((message) -> message.get("method").asString().equals("Network.requestWillBeSent"))
			.map((message) -> message.at("/params/request/url").asString())
			.toList();
	}

	/**
	 * Let axe look for what keeps people from using the page.
	 * @return its violations, one a line
	 */
	List<String> barriers() {
		if (Boolean.FALSE.equals(script("return 'axe' in window"))) {
			script(resource("/axe.min.js"));
		}
		Object results = this.driver.executeAsyncScript("""
				const done = arguments[arguments.length - 1];
				axe.run().then((results) => done(JSON.stringify(results.violations)),
						(failure) => done(JSON.stringify([{ id: String(failure), nodes: [] }])));""");
		return JsonMapper.shared()
			.readTree(String.valueOf(results))
			.valueStream()
			.flatMap((violation) -> Stream.concat(Stream.of(violation.get("id").asString()),
					violation.get("nodes").valueStream().map(Browser::described)))
			.toList();
	}

	private static String described(JsonNode node) {
		return "  " + node.get("target") + " " + node.path("failureSummary").asString();
	}

	/**
	 * Check that nothing is cut off at the side, and take a picture.
	 * @param name name of the picture
	 * @throws IOException if the picture cannot be stored
	 */
	void look(String name) throws IOException {
		assertThat(script("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))
			.as("width of what is out of sight: " + name)
			.isEqualTo(0L);
		Path folder = Files.createDirectories(Path.of("target", "page"));
		Files.write(folder.resolve(name + ".png"), this.driver.getScreenshotAs(OutputType.BYTES));
	}

	private static String resource(String name) {
		try (InputStream resource = Browser.class.getResourceAsStream(name)) {
			return StreamUtils.copyToString(Objects.requireNonNull(resource, name), StandardCharsets.UTF_8);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	@Override
	public void close() {
		this.driver.quit();
	}

}
