package dev.vgi.external.autoconfigure.actuate;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;

import org.springframework.boot.actuate.autoconfigure.endpoint.EndpointAutoConfiguration;
import org.springframework.boot.actuate.autoconfigure.endpoint.web.WebEndpointAutoConfiguration;
import org.springframework.boot.actuate.endpoint.web.WebEndpointsSupplier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.web.util.HtmlUtils;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link VgiPageAutoConfiguration} and the document that it assembles. What a
 * browser makes of it is tested in the sample, by {@code .ci/page}.
 */
class VgiPageAutoConfigurationTests {

	private final WebApplicationContextRunner runner = new WebApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(EndpointAutoConfiguration.class, WebEndpointAutoConfiguration.class,
				VgiPageAutoConfiguration.class));

	private final WebApplicationContextRunner exposed = this.runner
		.withPropertyValues("management.endpoints.web.exposure.include=vgiexternalpage");

	@Test
	void thereIsAPageWhereItIsExposed() {
		this.exposed.run((context) -> {
			assertThat(context.getBean(VgiExternalPageEndpoint.class).page()).startsWith("<!DOCTYPE html>\n");
			assertThat(context.getBean(WebEndpointsSupplier.class).getEndpoints()).singleElement()
				.satisfies((endpoint) -> assertThat(endpoint.getOperations()).singleElement()
					.satisfies((operation) -> assertThat(operation.getRequestPredicate().getProduces())
						.containsExactly("text/html;charset=UTF-8")));
		});
	}

	@Test
	void thereIsNoneElsewhere() {
		this.runner.run((context) -> assertThat(context).doesNotHaveBean(VgiExternalPageEndpoint.class));
		this.exposed.withPropertyValues("management.endpoint.vgiexternalpage.access=NONE")
			.run((context) -> assertThat(context).doesNotHaveBean(VgiExternalPageEndpoint.class));
		new WebApplicationContextRunner().withConfiguration(AutoConfigurations.of(VgiPageAutoConfiguration.class))
			.withClassLoader(new FilteredClassLoader("org.springframework.boot.actuate"))
			.run((context) -> assertThat(context).hasNotFailed().doesNotHaveBean(VgiPageAutoConfiguration.class));
		new ApplicationContextRunner().withConfiguration(AutoConfigurations.of(VgiPageAutoConfiguration.class))
			.withPropertyValues("management.endpoints.web.exposure.include=*")
			.run((context) -> assertThat(context).doesNotHaveBean(VgiPageAutoConfiguration.class));
	}

	@Test
	void policyAllowsWhatThePageContainsAndNothingElse() {
		this.exposed.run((context) -> {
			String page = context.getBean(VgiExternalPageEndpoint.class).page();
			Matcher policy = Pattern.compile("http-equiv=\"Content-Security-Policy\" content=\"([^\"]*)\"")
				.matcher(page);
			assertThat(policy.find()).isTrue();
			assertThat(HtmlUtils.htmlUnescape(policy.group(1)).split("; ")).contains("default-src 'none'",
					"script-src " + String.join(" ", digests(page, "script")),
					"style-src " + String.join(" ", digests(page, "style")), "connect-src 'self'",
					"form-action 'none'");
			assertThat(page.indexOf("<style")).isGreaterThan(policy.end());
		});
	}

	@Test
	void pageIsCompleteInItself() {
		this.exposed.run((context) -> {
			String page = context.getBean(VgiExternalPageEndpoint.class).page();
			assertThat(page).doesNotContain("{{", "src=", "rel=\"stylesheet\"", "@import", "innerHTML", "style=\"")
				.doesNotContainPattern(" on[a-z]+=\"");
			assertThat(page.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http://", "https://");
			assertThat(page).contains("data-endpoint=\"vgiexternal\"");
		});
	}

	@Test
	void nameOfTheApplicationIsEscaped() {
		this.exposed.withPropertyValues("spring.application.name=<b onclick=\"\">&'$1\\")
			.run((context) -> assertThat(context.getBean(VgiExternalPageEndpoint.class).page())
				.contains("data-application=\"&lt;b onclick=&quot;&quot;&gt;&amp;&#39;$1\\\""));
	}

	@Test
	void mappedPathsLeadFromOneEndpointToTheOther() {
		this.exposed
			.withPropertyValues("management.endpoints.web.path-mapping.vgiexternalpage=vgi/page",
					"management.endpoints.web.path-mapping.vgiexternal=vgi/transfers")
			.run((context) -> assertThat(context.getBean(VgiExternalPageEndpoint.class).page())
				.contains("data-endpoint=\"../vgi/transfers\""));
	}

	private static List<String> digests(String page, String element) throws Exception {
		List<String> digests = new ArrayList<>();
		Matcher contents = Pattern.compile("<" + element + ">(.*?)</" + element + ">", Pattern.DOTALL).matcher(page);
		while (contents.find()) {
			byte[] digest = MessageDigest.getInstance("SHA-256")
				.digest(contents.group(1).getBytes(StandardCharsets.UTF_8));
			digests.add("'sha256-" + Base64.getEncoder().encodeToString(digest) + "'");
		}
		assertThat(digests).isNotEmpty();
		return digests;
	}

}
