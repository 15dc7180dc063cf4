package dev.vgi.external.sample.page;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;

import org.springframework.http.HttpStatus;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests of the page with transfers that are made up.
 */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class FixturePageTests {

	private static FixtureService service;

	private static Browser browser;

	private FixtureService.Transfers transfers;

	@BeforeAll
	static void start() {
		service = new FixtureService();
		browser = new Browser();
	}

	@AfterAll
	static void stop() {
		browser.close();
		service.close();
	}

	@BeforeEach
	void reset() {
		this.transfers = service.transfers();
		this.transfers.reset();
		browser.size(1400, 1000);
		browser.colorScheme("light");
	}

	@Test
	void overviewAndAllTransfersAreDrawn() {
		browser.open(service.page(""));
		assertThat(browser.title()).isEqualTo("Transfers · flights");
		assertThat(browser.texts("#gauges dd:nth-of-type(1)")).containsExactly("192 MiB of 256 MiB", "134 MiB in use",
				"9 of 64", "2 running");
		assertThat(browser.texts("#gauges dd:nth-of-type(2)")).containsExactly("2 waiting, 1 refused", "32 MiB pooled",
				"in use", "waiting: 1 for range, 1 for memory");
		assertThat(browser.texts("#origins tbody tr")).containsExactly(
				"https://flights-prod.s3.eu-central-1.amazonaws.comlimited9 of 12438.5/s12810",
				"https://evil.example (foreign)closed0 of 10free30");
		assertThat(browser.texts("#transfers .group th")).containsExactly("Running: 2", "Failed: 2", "Finished: 7");
		assertThat(browser.texts("#transfers tbody a")).hasSize(11);
		assertThat(browser.texts("#transfers .running .why")).containsExactly("Waits for range 4.",
				"Waits for memory.");
		assertThat(browser.texts("#transfers .failed .why").get(0)).isEqualTo(
				"storage-unavailable: Storage answered 503 to 4 requests, the last after 15.3 s. Storage answered 503 for 15.3 s.");
		assertThat(browser.texts("#transfers .finished .why").get(0)).startsWith("Waited 1.8 s for memory: raise");
		assertThat(browser.all("#transfers .finished .bars").get(0).getDomAttribute("aria-label")).isEqualTo(
				"waiting for memory 1.80 s, download 4.84 s, content coding 4.31 s, digest 4.38 s, reading Arrow 24 ms");
		onlyTheServiceWasAsked();
		assertThat(browser.console()).isEmpty();
	}

	private void onlyTheServiceWasAsked() {
		URI page = service.page("");
		assertThat(browser.requests()).isNotEmpty()
			.allMatch(
					(url) -> url.startsWith("data:image/svg+xml,") || url.startsWith(page.resolve("/actuator/") + ""));
	}

	@Test
	void waterfallShowsEveryRequest() {
		browser.open(service.page("#" + this.transfers.id("finished", 0)));
		browser.await(".picture svg");
		assertThat(browser.texts("#detail h2")).containsExactly("Fetch from s3");
		assertThat(browser.texts(".explanation")).containsExactly(
				"Waited 1.8 s for memory: raise vgi.external.memory.budget. Range 7 stalled 2.1 s, its hedge won.");
		assertThat(browser.texts(".picture .label")).containsExactly("memory", "range 0", "range 1", "range 2",
				"range 3", "retry", "range 4", "range 5", "range 6", "range 7", "hedge", "range 8", "range 9",
				"range 10", "range 11", "range 12", "coding", "digest", "parsing");
		// Another colour and another pattern
		assertThat(List.of("first", "hedge", "retry"))
			.extracting((kind) -> browser.script(
					"return getComputedStyle(document.querySelector('.picture .' + arguments[0] + ' .body')).fill",
					kind))
			.satisfiesExactly((fill) -> assertThat(fill).asString().startsWith("rgb"),
					(fill) -> assertThat(fill).isEqualTo("url(\"#pattern-hedge\")"),
					(fill) -> assertThat(fill).isEqualTo("url(\"#pattern-retry\")"));
		assertThat(browser.texts(".picture + .legend li")).contains("hedge", "retry", "waiting for memory",
				"content coding");
		assertThat(browser.all(".picture svg").get(0).getDomAttribute("aria-label"))
			.startsWith("13 requests, 1 hedge and 1 retry in 6.90 s; waiting for memory 1.80 s");
		assertThat(browser.texts(".requests tbody tr")).hasSize(15)
			.anyMatch((row) -> row.startsWith("range 3first") && row.contains("206failedBroke off"))
			// Only the rest of it is asked for again
			.anyMatch((row) -> row.startsWith("range 3retry") && row.contains("7.4 MB"))
			.anyMatch((row) -> row.startsWith("range 7hedge"));
		assertThat(browser.texts(".events tbody tr")).hasSize(4);
		onlyTheServiceWasAsked();
		assertThat(browser.console()).isEmpty();
	}

	@Test
	void hostileTextsAreTexts() {
		browser.open(service.page("#" + this.transfers.id("failed", 1)));
		String location = browser.awaitText(".location", "evil.example").getText();
		assertThat(location)
			.startsWith("https://evil.example/<img src=x onerror=\"document.title='owned'\">/\\u202egnp");
		assertThat(browser.texts("#transfers .failed .why").get(1)).contains("<b>https://evil.example</b>");
		assertThat(browser.title()).isEqualTo("Transfers · flights");
		assertThat(browser.all("img, iframe, object, #transfers b")).isEmpty();
		assertThat(browser.console()).isEmpty();
	}

	@Test
	void policyForbidsWhatThePageDoesNotContain() {
		browser.open(service.page(""));
		browser
			.script("""
					window.violations = [];
					document.addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective));
					const script = document.createElement('script');
					script.append('document.title = "owned"');
					try { document.body.append(script); } catch { violations.push('trusted types'); }
					fetch('https://elsewhere.example/').catch(() => {});
					try { document.body.innerHTML = '<b>'; } catch { violations.push('innerHTML'); }
					const image = document.createElement('img');
					image.src = 'https://elsewhere.example/image';
					document.body.append(image);""");
		Awaitility.await()
			.untilAsserted(() -> assertThat((List<?>) browser.script("return violations")).asString()
				.contains("innerHTML", "require-trusted-types-for", "connect-src", "img-src"));
		assertThat(browser.title()).isEqualTo("Transfers · flights");
	}

	@Test
	void pageFollowsWhatHappens() {
		browser.open(service.page(""));
		browser.awaitText("#transfers .group th", "Running: 2");
		String id = this.transfers.id("running", 1);
		browser.script("document.querySelector(arguments[0]).focus()", "a[href='#" + id + "']");
		this.transfers.move("running", 1, "failed");
		browser.awaitText("#transfers .failed .group th", "Failed: 3");
		assertThat(browser.all("#transfers .failed a").get(0).getDomAttribute("href")).isEqualTo("#" + id);
		assertThat(browser.script("return document.activeElement.hash")).isEqualTo("#" + id);
		assertThat(browser.texts("#announcement").get(0)).startsWith("1 transfer more failed");
		assertThat(browser.console()).isEmpty();
	}

	@Test
	void keyboardReachesATransferAndEndsIt() {
		browser.open(service.page(""));
		String id = this.transfers.id("running", 0);
		browser.tabTo("a[href='#" + id + "']");
		browser.press(Keys.ENTER);
		browser.awaitText("#detail h2", "Fetch from s3");
		assertThat(browser.script("return document.activeElement.id")).isEqualTo("detail-heading");
		browser.tabTo("#detail .danger");
		browser.press(Keys.ENTER);
		browser.await("dialog[open]");
		assertThat(browser.script("return document.activeElement.value")).isEqualTo("keep");
		browser.press(Keys.ESCAPE);
		browser.await("dialog:not([open])");
		assertThat(this.transfers.ended).isEmpty();
		assertThat(browser.script("return document.activeElement.textContent")).isEqualTo("End this transfer …");
		browser.press(Keys.ENTER);
		browser.await("dialog[open]");
		browser.press(Keys.TAB, Keys.ENTER);
		browser.awaitText(".ending", "It was told to end.");
		assertThat(this.transfers.ended).containsExactly(id);
		browser.script("history.back()");
		browser.await("#detail[hidden]");
		assertThat(browser.script("return document.activeElement.hash")).isEqualTo("#" + id);
	}

	@ParameterizedTest
	@CsvSource({ "FORBIDDEN, CSRF protection", "METHOD_NOT_ALLOWED, management.endpoint.vgiexternal.access",
			"UNAUTHORIZED, not signed in", "NOT_FOUND, it has ended by itself", "INTERNAL_SERVER_ERROR, status 500" })
	void refusalToEndIsExplained(HttpStatus status, String explanation) {
		this.transfers.ending = status;
		browser.open(service.page("#" + this.transfers.id("running", 0)));
		browser.await("#detail .danger:not([hidden])").click();
		browser.await("dialog[open] .danger").click();
		browser.awaitText(".ending", explanation);
	}

	@ParameterizedTest
	@CsvSource({ "NOT_FOUND, no endpoint vgiexternal here", "FORBIDDEN, may not read the endpoint",
			"UNAUTHORIZED, may not read the endpoint" })
	void endpointThatCannotBeReadIsExplained(HttpStatus status, String explanation) {
		this.transfers.reading = status;
		browser.open(service.page(""));
		assertThat(browser.awaitText("#trouble", explanation).getText())
			.contains("management.endpoints.web.exposure.include=vgiexternal,vgiexternalpage");
		assertThat(browser.all("#content[hidden]")).hasSize(1);
		this.transfers.reading = HttpStatus.OK;
		browser.await("#content:not([hidden])");
		browser.await("#trouble[hidden]");
	}

	@Test
	void pageAsksLessOftenWhileTheServiceFails() {
		this.transfers.reading = HttpStatus.SERVICE_UNAVAILABLE;
		browser.open(service.page(""));
		browser.awaitText("#trouble", "status 503");
		Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> this.transfers.readAt.size() >= 4);
		List<Long> readAt = this.transfers.readAt;
		// 1 to 2 s, 2 to 4 s, 4 to 8 s
		assertThat(Duration.ofNanos(readAt.get(3) - readAt.get(2))).isGreaterThan(Duration.ofMillis(3900));
	}

	@Test
	void hiddenOrPausedPageAsksNothing() {
		browser.open(service.page(""));
		hide(true);
		assertNothingIsAsked();
		hide(false);
		Awaitility.await().until(() -> !this.transfers.readAt.isEmpty());
		browser.await("#pause").click();
		browser.awaitText("#polling", "Paused");
		assertNothingIsAsked();
	}

	private void assertNothingIsAsked() {
		// What is on its way arrives
		Awaitility.await().during(Duration.ofMillis(200)).until(() -> true);
		this.transfers.readAt.clear();
		Awaitility.await().during(Duration.ofMillis(2500)).until(this.transfers.readAt::isEmpty);
	}

	private static void hide(boolean hidden) {
		browser.script("""
				Object.defineProperty(document, 'hidden', { get: () => arguments[0], configurable: true });
				document.dispatchEvent(new Event('visibilitychange'));""".replace("arguments[0]",
				String.valueOf(hidden)));
	}

	@Test
	void transferThatIsNotKeptIsExplained() {
		browser.open(service.page("#0123456789abcdef"));
		browser.awaitText("#detail", "vgi.external.history.size");
		browser.script("location.hash = '%E0%A4%A'");
		browser.await("#detail[hidden]");
		assertThat(browser.console()).noneMatch((message) -> message.contains("Uncaught"));
	}

	@ParameterizedTest
	@CsvSource({ "375, light", "375, dark", "768, dark", "1000, light", "1400, light", "1400, dark" })
	void everyoneCanReadItAtEveryWidth(int width, String scheme) throws Exception {
		browser.size(width, 1000);
		browser.colorScheme(scheme);
		browser.open(service.page(""));
		lookAt("list-" + width + "-" + scheme);
		for (String list : List.of("failed", "finished", "running")) {
			for (int at = 0; at < 2; at++) {
				browser.script("location.hash = arguments[0]", this.transfers.id(list, at));
				browser.awaitText("#detail .state", list);
				browser.await(".picture svg");
				browser.look(list + at + "-" + width + "-" + scheme);
			}
		}
		lookAt("running-" + width + "-" + scheme);
		browser.await("#detail .danger").click();
		browser.await("dialog[open]");
		lookAt("end-" + width + "-" + scheme);
		assertThat(browser.console()).isEmpty();
	}

	private static void lookAt(String name) throws Exception {
		browser.look(name);
		assertThat(browser.barriers()).as(name).isEmpty();
	}

	@Test
	void manyRequestsAreDrawnCloserTogether() {
		this.transfers.repeat("finished", 0, 20);
		browser.open(service.page("#" + this.transfers.id("finished", 0)));
		browser.await(".picture svg");
		assertThat(browser.all(".picture .lane")).hasSizeGreaterThan(300);
		assertThat(browser.texts(".picture .label")).hasSizeBetween(150, 200).contains("memory", "digest", "parsing");
		assertThat(Double.parseDouble(String.valueOf(browser.all(".picture svg").get(0).getDomAttribute("height"))))
			.isLessThan(3000);
		assertThat(browser.texts(".requests tbody tr")).hasSize(300);
		assertThat(browser.console()).isEmpty();
	}

	@Test
	void listBesideATransferShowsIt() {
		browser.size(1400, 500);
		browser.open(service.page("#" + this.transfers.id("finished", 6)));
		Awaitility.await().until(() -> Boolean.TRUE.equals(browser.script("""
				const row = document.querySelector('[aria-current]')?.getBoundingClientRect();
				const list = document.querySelector('#list').getBoundingClientRect();
				return row !== undefined && row.top >= list.top && row.bottom <= list.bottom && scrollY === 0;""")));
	}

	@Test
	void picturesFitTheirPlace() {
		browser.size(1000, 900);
		browser.open(service.page("#" + this.transfers.id("finished", 0)));
		browser.await(".picture svg");
		browser.size(500, 900);
		Awaitility.await()
			.until(() -> Pattern.matches("4[0-9]{2}",
					String.valueOf(browser.all(".picture svg").get(0).getDomAttribute("width"))));
		assertThat(browser.all(".picture").get(0).findElements(By.cssSelector("svg"))).hasSize(1);
	}

}
