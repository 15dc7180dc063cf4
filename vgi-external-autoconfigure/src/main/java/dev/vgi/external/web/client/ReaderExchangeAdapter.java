package dev.vgi.external.web.client;

import dev.vgi.external.web.ReaderBody;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.ResponseEntity;
import org.springframework.web.client.support.RestTemplateAdapter;
import org.springframework.web.service.invoker.HttpExchangeAdapter;
import org.springframework.web.service.invoker.HttpExchangeAdapterDecorator;
import org.springframework.web.service.invoker.HttpRequestValues;

/**
 * Asks for readers in the way that leaves the response open.
 */
final class ReaderExchangeAdapter extends HttpExchangeAdapterDecorator {

	private static final ParameterizedTypeReference<ReaderBody> BODY = ParameterizedTypeReference
		.forType(ReaderBody.class);

	ReaderExchangeAdapter(HttpExchangeAdapter delegate) {
		super(delegate);
	}

	private void requireOpenResponses() {
		HttpExchangeAdapter adapter = getHttpExchangeAdapter();
		while (adapter instanceof HttpExchangeAdapterDecorator decorator) {
			adapter = decorator.getHttpExchangeAdapter();
		}
		if (adapter instanceof RestTemplateAdapter) {
			throw new IllegalStateException("RestTemplate closes every response with the call: use the adapter of a"
					+ " RestClient for methods that return an ArrowReader");
		}
	}

	@Override
	@SuppressWarnings("unchecked")
	public <T> @Nullable T exchangeForBody(HttpRequestValues request, ParameterizedTypeReference<T> bodyType) {
		if (bodyType.getType() != ArrowReader.class) {
			return super.exchangeForBody(request, bodyType);
		}
		requireOpenResponses();
		return (T) readerOf(super.exchangeForBody(request, BODY));
	}

	@Override
	@SuppressWarnings("unchecked")
	public <T> ResponseEntity<T> exchangeForEntity(HttpRequestValues request, ParameterizedTypeReference<T> bodyType) {
		if (bodyType.getType() != ArrowReader.class) {
			return super.exchangeForEntity(request, bodyType);
		}
		requireOpenResponses();
		ResponseEntity<ReaderBody> entity = super.exchangeForEntity(request, BODY);
		return (ResponseEntity<T>) ResponseEntity.status(entity.getStatusCode())
			.headers(entity.getHeaders())
			.body(readerOf(entity.getBody()));
	}

	// Like any other body, a reader is missing where the answer has none.
	private static @Nullable ArrowReader readerOf(@Nullable ReaderBody body) {
		return (body != null) ? body.reader() : null;
	}

}
