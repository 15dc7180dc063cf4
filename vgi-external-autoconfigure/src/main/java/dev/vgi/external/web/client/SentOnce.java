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
 * Makes an HTTP engine send each body only once. Because of interceptors or buffering,
 * {@link RestClient} may keep a body and declare it repeatable, and some engines then
 * repeat the request on their own, for example after a 503. No call may be made twice.
 *
 * @param engine creates the requests
 */
record SentOnce(ClientHttpRequestFactory engine) implements ClientHttpRequestFactory {

	/**
	 * Build a client that sends each body once.
	 * @param builder the client's builder, unchanged
	 * @return the client
	 */
	static RestClient build(RestClient.Builder builder) {
		RestClient client = builder.build();
		ClientHttpRequestFactory engine = engineOf(client);
		return (engine != null) ? client.mutate().requestFactory(new SentOnce(engine)).build() : client;
	}

	// A client does not expose its engine, and its interceptors cannot be removed, hence
	// reflection. Clients other than Spring's own are left unchanged.
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
	 * @param streaming the same object
	 */
	private record Request(ClientHttpRequest request,
			StreamingHttpOutputMessage streaming) implements ClientHttpRequest, StreamingHttpOutputMessage {

		@Override
		public void setBody(Body body) {
			// A wrapper, since the body itself may declare that it is repeatable.
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
