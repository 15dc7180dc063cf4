package dev.vgi.external.sample.page;

import java.net.URI;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.sample.page.FaultyStorage.Fault;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;

/**
 * Tests of the page with the transfers of a real service, whose storage stalls and fails.
 */
@Timeout(value = 90, threadMode = ThreadMode.SEPARATE_THREAD)
class TransfersPageTests {

	/** 8 MB of random bits, in ranges of 1 MB. */
	private static final int COUNT = 1_000_000;

	private static final String PAGE = "/actuator/vgiexternalpage";

	private static Browser browser;

	@TempDir
	private Path folder;

	@BeforeAll
	static void start() {
		browser = new Browser();
	}

	@AfterAll
	static void stop() {
		browser.close();
	}

	@Test
	void stallsRetriesAndFailuresAreDrawnWhileTheyHappen() throws Exception {
		try (NumberService service = new NumberService(this.folder)) {
			browser.open(service.page(PAGE));
			assertThat(browser.texts("#transfers .group th")).containsExactly("Running: none", "Failed: none",
					"Finished: none");
			assertThat(service.read(COUNT)).isEqualTo(COUNT);
			browser.awaitText("#transfers .finished .group th", "Finished: 2");
			assertThat(browser.texts("#transfers .finished .kind")).anyMatch((kind) -> kind.startsWith("↓ fetch"))
				.anyMatch((kind) -> kind.startsWith("↑ upload · local"));

			service.storage().faults((request) -> (request == 5) ? Fault.STALL : Fault.NONE);
			assertThat(service.read(COUNT)).isEqualTo(COUNT);
			browser.awaitText("#transfers .finished .group th", "Finished: 4");
			browser.all("#transfers .finished a").get(0).click();
			browser.await(".picture .hedge .body");
			assertThat(browser.texts(".picture .label")).contains("range 0", "hedge", "digest");
			assertThat(browser.texts(".events")).singleElement().asString().contains("hedge-won");
			browser.look("real-stall");
			assertThat(browser.barriers()).isEmpty();

			service.storage().faults((request) -> (request == 3) ? Fault.BUSY : Fault.NONE);
			assertThat(service.read(COUNT)).isEqualTo(COUNT);
			browser.awaitText("#transfers .finished .group th", "Finished: 6");
			browser.all("#transfers .finished a").get(0).click();
			browser.await(".picture .retry .body");
			assertThat(browser.texts(".requests .failed td")).contains("503");
			browser.look("real-busy");

			// All stall: the transfer runs until it is told to end
			service.storage().faults((request) -> Fault.STALL);
			CompletableFuture<Void> reading = service.readInBackground(COUNT);
			browser.awaitText("#transfers .running .group th", "Running: 1");
			browser.all("#transfers .running a").get(0).click();
			browser.await("#detail .danger:not([hidden])");
			browser.awaitText(".requests tbody", "running");
			browser.look("real-running");
			browser.all("#detail .danger").get(0).click();
			browser.await("dialog[open] .danger").click();
			browser.awaitText(".ending", "It was told to end.");
			browser.awaitText("#detail .state", "failed");
			browser.awaitText("#transfers .failed .group th", "Failed: 1");
			browser.look("real-ended");
			assertThatException().isThrownBy(reading::join);
			assertThat(browser.requests()).isNotEmpty()
				.allMatch((url) -> url.startsWith("data:") || url.startsWith(service.page("/actuator/").toString()));
			assertThat(browser.console()).isEmpty();
		}
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					/app/actuator/vgiexternalpage | --server.servlet.context-path=/app
					/app/ops/vgiexternalpage      | --server.servlet.context-path=/app --management.endpoints.web.base-path=/ops
					/vgiexternalpage              | --management.endpoints.web.base-path=/ --management.server.port=0
					/m/ops/vgiexternalpage        | --management.server.base-path=/m --management.endpoints.web.base-path=/ops --management.server.port=0
					/actuator/vgi/transfers       | --management.endpoints.web.path-mapping.vgiexternalpage=vgi/transfers
					/actuator/vgiexternalpage     | --management.endpoints.web.path-mapping.vgiexternal=vgi/data
					""")
	void pageFindsItsDataWhereverItIs(String path, String properties) throws Exception {
		try (NumberService service = new NumberService(this.folder, properties.split(" "))) {
			browser.open(service.page(path));
			browser.awaitText("#transfers .finished .group th", "Finished: none");
			assertThat(browser.console()).isEmpty();
		}
	}

	@Test
	void pageWithoutItsDataSaysWhatIsMissing() throws Exception {
		try (NumberService service = new NumberService(this.folder,
				"--management.endpoints.web.exposure.include=vgiexternalpage")) {
			browser.open(service.page(PAGE));
			browser.awaitText("#trouble", "management.endpoints.web.exposure.include=vgiexternal,vgiexternalpage");
		}
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = """
			        | --management.endpoint.vgiexternal.access=read-only | management.endpoint.vgiexternal.access
			viewer  | --test.secured=true                                | refused (403)
			operator| --test.secured=true                                | It was told to end.
			""")
	void whoMayEndATransferEndsIt(@Nullable String user, String property, String answer) throws Exception {
		try (NumberService service = new NumberService(this.folder, property)) {
			service.storage().faults((request) -> Fault.STALL);
			CompletableFuture<Void> reading = service.readInBackground(COUNT);
			URI page = service.page(PAGE);
			browser.open((user != null) ? URI.create(page.toString().replace("//", "//" + user + ":secret@")) : page);
			browser.awaitText("#transfers .running .group th", "Running: 1");
			browser.all("#transfers .running a").get(0).click();
			browser.await("#detail .danger:not([hidden])").click();
			browser.await("dialog[open] .danger").click();
			browser.awaitText(".ending", answer);
			service.storage().release();
			reading.exceptionally((failure) -> null).join();
			browser.awaitText("#detail .state", answer.startsWith("It was") ? "failed" : "finished");
		}
	}

}
