package dev.vgi.external.web.client;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Field;
import java.net.URI;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.StreamingHttpOutputMessage;
import org.springframework.http.client.ClientHttpRequest;
import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.client.RestClient;

/**
 * Lets an HTTP engine send each body once, whatever stands before it. Interceptors and
 * buffering make {@link RestClient} keep a body and say that it can be repeated, and some
 * engines then do so by themselves, such as after a 503. No call may be made twice.
 *
 * @param engine makes the requests
 */
record SentOnce(ClientHttpRequestFactory engine) implements ClientHttpRequestFactory {

	/**
	 * Build a client that sends once.
	 * @param builder the client's builder, unchanged
	 * @return the client
	 */
	static RestClient build(RestClient.Builder builder) {
		RestClient client = builder.build();
		ClientHttpRequestFactory engine = engineOf(client);
		return (engine != null) ? client.mutate().requestFactory(new SentOnce(engine)).build() : client;
	}

	// A client tells nobody which engine it has, and its interceptors cannot be taken
	// away
	// from it. What is no client of Spring's own stays as it is.
	private static @Nullable ClientHttpRequestFactory engineOf(RestClient client) {
		for (Field field : client.getClass().getDeclaredFields()) {
			if (field.getType() == ClientHttpRequestFactory.class) {
				ReflectionUtils.makeAccessible(field);
				Object value = ReflectionUtils.getField(field, client);
				if (value != null) {
					return (ClientHttpRequestFactory) value;
				}
			}
		}
		return null;
	}

	@Override
	public ClientHttpRequest createRequest(URI uri, HttpMethod method) throws IOException {
		ClientHttpRequest request = this.engine.createRequest(uri, method);
		return (request instanceof StreamingHttpOutputMessage streaming) ? new Request(request, streaming) : request;
	}

	/**
	 * A request whose body cannot be repeated.
	 *
	 * @param request the engine's request
	 * @param streaming the same
	 */
	private record Request(ClientHttpRequest request,
			StreamingHttpOutputMessage streaming) implements ClientHttpRequest, StreamingHttpOutputMessage {

		@Override
		public void setBody(Body body) {
			// Not the body itself, which may say that it can be.
			this.streaming.setBody((out) -> body.writeTo(out));
		}

		@Override
		public OutputStream getBody() throws IOException {
			return this.request.getBody();
		}

		@Override
		public HttpMethod getMethod() {
			return this.request.getMethod();
		}

		@Override
		public URI getURI() {
			return this.request.getURI();
		}

		@Override
		public Map<String, Object> getAttributes() {
			return this.request.getAttributes();
		}

		@Override
		public HttpHeaders getHeaders() {
			return this.request.getHeaders();
		}

		@Override
		public ClientHttpResponse execute() throws IOException {
			return this.request.execute();
		}

	}

}
