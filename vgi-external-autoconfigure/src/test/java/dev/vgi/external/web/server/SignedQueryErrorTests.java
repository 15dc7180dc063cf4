package dev.vgi.external.web.server;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.webmvc.error.ErrorController;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * What an error page of the application, or a page that it forwards to, sees of a request
 * to the local store, in a real container.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SignedQueryErrorTests {

	@TempDir
	static Path folder;

	@LocalServerPort
	private int port;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@ParameterizedTest
	@ValueSource(strings = { "/_vgi/objects/nothing/there", "/%5Fvgi/nothing", "/_vgi/forwarded", "/_vgi/failing" })
	void queryIsNoAttribute(String path) throws Exception {
		HttpResponse<String> response = HttpClient.newHttpClient()
			.send(HttpRequest
				.newBuilder(URI.create("http://localhost:" + this.port + path + "?expires=1&Signature=planted"))
				.build(), HttpResponse.BodyHandlers.ofString());
		assertThat(response.body()).contains("dispatched").doesNotContain("planted");
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Pages.class)
	static class App {

	}

	@RestController
	static class Pages implements ErrorController {

		@RequestMapping({ "/error", "/seen" })
		String seen(HttpServletRequest request) {
			Map<String, Object> seen = new TreeMap<>();
			for (String name : Collections.list(request.getAttributeNames())) {
				seen.put(name, String.valueOf(request.getAttribute(name)));
			}
			return "dispatched " + request.getQueryString() + request.getParameterMap() + seen
					+ request.getAttribute(RequestDispatcher.ERROR_QUERY_STRING)
					+ request.getAttribute(RequestDispatcher.FORWARD_QUERY_STRING)
					+ request.getAttribute(RequestDispatcher.INCLUDE_QUERY_STRING);
		}

		@RequestMapping("/_vgi/forwarded")
		void forwarded(HttpServletRequest request, HttpServletResponse response) throws Exception {
			request.getRequestDispatcher("/seen").forward(request, response);
		}

		@RequestMapping("/_vgi/failing")
		void failing() throws ServletException {
			throw new ServletException("an error of the application");
		}

	}

}
