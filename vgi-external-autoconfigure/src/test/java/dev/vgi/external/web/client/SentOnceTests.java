package dev.vgi.external.web.client;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.web.client.ScriptedService.Reply;
import dev.vgi.external.web.client.ScriptedService.Request;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.http.client.ClientHttpRequestFactoryBuilder;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link SentOnce}: a call is sent once by every engine that Boot knows, with
 * whatever an application adds to its HTTP client.
 */
class SentOnceTests extends AbstractClientTests {

	private static final Reply ANSWER = Reply.arrow(ArrowBodies.stream(ArrowBodies.data(1)));

	private static final Reply BUSY = Reply.of(503, "text/plain", Map.of("Retry-After", "0"), "busy".getBytes());

	private final List<Consumer<RestClient.Builder>> settings = List.of((builder) -> {
	}, (builder) -> builder.requestInterceptor((request, body, execution) -> {
		request.getHeaders().setBearerAuth("token");
		return execution.execute(request, body);
	}), (builder) -> builder.bufferContent((uri, method) -> true));

	private ClientHttpRequestFactory requests = (uri, method) -> {
		throw new IllegalStateException("no engine was chosen");
	};

	static List<ClientHttpRequestFactoryBuilder<?>> engines() {
		return List.of(ClientHttpRequestFactoryBuilder.httpComponents(), ClientHttpRequestFactoryBuilder.jetty(),
				ClientHttpRequestFactoryBuilder.reactor(), ClientHttpRequestFactoryBuilder.jdk(),
				ClientHttpRequestFactoryBuilder.simple());
	}

	@AfterEach
	void closeEngine() throws Exception {
		if (this.requests instanceof DisposableBean closeable) {
			closeable.destroy();
		}
	}

	@ParameterizedTest
	@MethodSource("engines")
	void whenServiceIsBusyTheCallIsNotMadeAgain(ClientHttpRequestFactoryBuilder<?> engine) {
		assertIsSentOnce(engine, BUSY);
	}

	@ParameterizedTest
	@MethodSource("engines")
	void whenAUsedConnectionBreaksTheCallIsNotMadeAgain(ClientHttpRequestFactoryBuilder<?> engine) {
		assertIsSentOnce(engine, Reply.hangUp());
	}

	private void assertIsSentOnce(ClientHttpRequestFactoryBuilder<?> engine, Reply failure) {
		this.requests = engine.build();
		for (Consumer<RestClient.Builder> setting : this.settings) {
			RestClient.Builder restClient = RestClient.builder().requestFactory(this.requests);
			setting.accept(restClient);
			VgiClient client = client(restClient).build();
			this.service.on("/m", ANSWER, failure, ANSWER);
			int before = this.service.requests().size();
			assertThat(values(call(client))).containsExactly(1L);
			assertThatExceptionOfType(VgiExternalException.class).isThrownBy(() -> call(client));
			assertThat(this.service.requests()).hasSize(before + 2);
			assertThat(values(call(client))).containsExactly(1L);
		}
	}

	@ParameterizedTest
	@MethodSource("engines")
	void whatAnApplicationAddsToARequestIsThereOnce(ClientHttpRequestFactoryBuilder<?> engine) {
		this.requests = engine.build();
		VgiClient client = client(RestClient.builder()
			.requestFactory(this.requests)
			.defaultHeader("X-Default", "a")
			.defaultCookie("cookie", "value")
			.defaultRequest((request) -> request.header("X-Request", "a")
				.httpRequest((sent) -> sent.getHeaders().add("X-Consumer", "a")))
			.requestInitializer((request) -> request.getHeaders().add("X-Initializer", "a"))
			.requestInterceptor((request, body, execution) -> {
				request.getHeaders().add("X-Interceptor", String.valueOf(body.length));
				return execution.execute(request, body);
			})).build();
		this.service.on("/m", ANSWER);
		assertThat(values(call(client))).containsExactly(1L);
		Request request = this.service.requests().get(0);
		assertThat(request.headers()).containsEntry("X-default", List.of("a"))
			.containsEntry("X-request", List.of("a"))
			.containsEntry("X-consumer", List.of("a"))
			.containsEntry("X-initializer", List.of("a"))
			.containsEntry("X-interceptor", List.of(String.valueOf(request.body().length)))
			.containsEntry("Content-length", List.of(String.valueOf(request.body().length)))
			.containsEntry("Cookie", List.of("cookie=value"))
			.doesNotContainKey("Transfer-encoding");
	}

	private AnnotatedBatch call(VgiClient client) {
		try (AnnotatedBatch request = request("m")) {
			return client.call(request, this.context);
		}
	}

}
