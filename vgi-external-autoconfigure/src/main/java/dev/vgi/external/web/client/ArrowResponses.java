package dev.vgi.external.web.client;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.web.ReaderBody;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.http.ResponseEntity;
import org.springframework.web.client.RestClient;
import org.springframework.web.service.invoker.HttpServiceProxyFactory;

/**
 * Reads the answers of ordinary handlers lazily: as a reader that hands out batch after
 * batch, while the rest is still on its way. Needs an HTTP client with the Arrow
 * converter, such as every injected {@link RestClient.Builder}.
 * <p>
 * A reader throws a {@link dev.vgi.external.VgiExternalException} for a batch that cannot
 * be had, and an {@link java.io.IOException} if the connection breaks. It never takes a
 * failure for the end. Closing it, from any thread, ends its transfers and the response.
 * The rest of the response is not read.
 */
public final class ArrowResponses {

	private ArrowResponses() {
	}

	/**
	 * Read an answer lazily.
	 * @param response such as {@code restClient.get().uri("/flights").retrieve()}, not
	 * yet executed
	 * @return the reader; the caller closes it, which also closes the response
	 * @throws org.springframework.web.client.RestClientException as by
	 * {@link RestClient.ResponseSpec#body(Class)}
	 * @throws CorruptStreamException if the answer is empty, or does not start with a
	 * schema
	 */
	public static ArrowReader read(RestClient.ResponseSpec response) {
		ReaderBody body = response.body(ReaderBody.class);
		if (body == null) {
			throw new CorruptStreamException("The answer is empty: expected an Arrow stream");
		}
		return body.reader();
	}

	/**
	 * Let the clients of a factory have methods that return an {@link ArrowReader}, or a
	 * {@link ResponseEntity} with one. Other methods of their interfaces are not
	 * affected. The clients of HTTP service groups have them without this.
	 * @param builder the factory's builder, with an adapter of a {@link RestClient}
	 */
	public static void configure(HttpServiceProxyFactory.Builder builder) {
		builder.exchangeAdapterDecorator(ReaderExchangeAdapter::new);
	}

}
