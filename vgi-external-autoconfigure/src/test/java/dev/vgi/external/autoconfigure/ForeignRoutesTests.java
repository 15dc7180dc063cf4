package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Servlets that have nothing to do with Arrow, in a web server with the starter, for
 * callers who take coded answers.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT, properties = "vgi.external.storage=none")
class ForeignRoutesTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final CountDownLatch headArrived = new CountDownLatch(1);

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	@LocalServerPort
	private int port;

	@ParameterizedTest
	@ValueSource(strings = { "text/plain", ARROW })
	void bodiesMayBeWrittenWithoutBlocking(String type) throws Exception {
		HttpResponse<String> response = this.http.send(request("/nio", type), BodyHandlers.ofString());
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("Content-Encoding")).isEmpty();
		assertThat(response.body()).isEqualTo("ok");
	}

	@Test
	void aFlushedHeadArrivesBeforeTheBody() throws Exception {
		HttpResponse<InputStream> response = this.http.send(request("/head", "text/plain"),
				BodyHandlers.ofInputStream());
		assertThat(response.statusCode()).isEqualTo(200);
		headArrived.countDown();
		assertThat(new String(response.body().readAllBytes(), StandardCharsets.UTF_8)).isEqualTo("waited");
	}

	@Test
	void aLengthMayBeTakenBack() throws Exception {
		HttpResponse<String> response = this.http.send(request("/null", "text/plain"), BodyHandlers.ofString());
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.body()).isEqualTo("ok");
	}

	@Test
	void anErrorPageIsNotLabelledLikeTheAnswerThatItReplaces() throws Exception {
		HttpResponse<String> response = this.http.send(request("/fail", ARROW), BodyHandlers.ofString());
		assertThat(response.statusCode()).isEqualTo(500);
		assertThat(response.headers().firstValue("Content-Encoding")).isEmpty();
	}

	@Test
	void whatTurnsOutToBeArrowIsCodedThoughItsLengthWasSet() throws Exception {
		HttpResponse<byte[]> response = this.http.send(request("/late", ARROW), BodyHandlers.ofByteArray());
		assertThat(response.headers().firstValue("Content-Encoding")).contains("zstd");
		assertThat(response.body()).hasSizeLessThan(1000).startsWith(0x28, 0xB5, 0x2F, 0xFD);
	}

	private HttpRequest request(String path, String type) {
		return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + this.port + "/foreign" + path))
			.header("Accept-Encoding", "zstd, gzip")
			.header("X-Type", type)
			.timeout(Duration.ofSeconds(20))
			.build();
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

		@Bean
		ServletRegistrationBean<ForeignServlet> foreignServlet() {
			ServletRegistrationBean<ForeignServlet> registration = new ServletRegistrationBean<>(new ForeignServlet(),
					"/foreign/*");
			registration.setAsyncSupported(true);
			return registration;
		}

	}

	/**
	 * What servlets of others do.
	 */
	static final class ForeignServlet extends HttpServlet {

		@Override
		protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
			ServletOutputStream out = response.getOutputStream();
			switch (request.getPathInfo()) {
				case "/nio" -> {
					response.setContentType(request.getHeader("X-Type"));
					AsyncContext context = request.startAsync();
					out.setWriteListener(new Ok(out, context));
				}
				case "/head" -> {
					out.flush();
					try {
						out.print(headArrived.await(20, TimeUnit.SECONDS) ? "waited" : "in vain");
					}
					catch (InterruptedException ex) {
						Thread.currentThread().interrupt();
					}
				}
				case "/fail" -> {
					response.setContentType(ARROW);
					out.write(1);
					throw new IllegalStateException("failed");
				}
				case "/late" -> {
					byte[] body = new byte[10_000];
					Arrays.fill(body, (byte) 1);
					response.setContentLength(body.length);
					response.setContentType(ARROW);
					out.write(body);
				}
				default -> {
					response.setHeader("Content-Length", null);
					out.print("ok");
				}
			}
		}

	}

	/**
	 * Writes when it may.
	 *
	 * @param out where to
	 * @param context completed then
	 */
	private record Ok(ServletOutputStream out, AsyncContext context) implements WriteListener {

		@Override
		public void onWritePossible() throws IOException {
			this.out.print("ok");
			this.context.complete();
		}

		@Override
		public void onError(Throwable failure) {
			this.context.complete();
		}

	}

}
