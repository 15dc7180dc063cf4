package dev.vgi.external.web;

import java.io.IOException;
import java.io.InputStream;

import dev.vgi.external.Internal;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.io.ModalCloseable;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpInputMessage;
import org.springframework.http.client.ClientHttpResponse;
import org.springframework.util.ReflectionUtils;

/**
 * The body of a message that is read while it arrives, perhaps not to its end.
 *
 * @param content the body
 * @param response the response that the body belongs to, which ends with it; {@code null}
 * for a request, which belongs to the container
 * @param decoded whether the content has to be closed in addition, as it holds a decoder
 */
@Internal
public record OpenBody(InputStream content, @Nullable ClientHttpResponse response, boolean decoded) {

	/**
	 * Return the body of a message.
	 * @param message a request or a response
	 * @return its body
	 * @throws IOException if there is none
	 */
	static OpenBody of(HttpInputMessage message) throws IOException {
		return new OpenBody(message.getBody(), (message instanceof ClientHttpResponse response) ? response : null,
				false);
	}

	/**
	 * End a response, also while another thread reads it.
	 * @param complete whether it was read to its end, so that its connection can be used
	 * again. Otherwise the rest is not read: there may be any amount of it, and none of
	 * it may arrive for a long time
	 */
	void end(boolean complete) {
		if (this.response == null) {
			return;
		}
		try {
			if (!complete) {
				abort(this.response);
				// Closing the response first would read the rest.
				this.response.getBody().close();
			}
		}
		catch (IOException ex) {
			// It is over either way.
		}
		finally {
			this.response.close();
		}
	}

	/**
	 * Free the decoder, once nobody reads any more.
	 */
	void release() {
		try {
			if (this.decoded) {
				this.content.close();
			}
		}
		catch (IOException ex) {
			// The response has ended before.
		}
	}

	// Closing a body of Apache's client reads the rest, and neither it nor Spring offers
	// anything else, hence reflection. Other clients end the transfer.
	private static void abort(Object response) {
		ReflectionUtils.doWithFields(response.getClass(), (field) -> {
			ReflectionUtils.makeAccessible(field);
			Object value = ReflectionUtils.getField(field, response);
			if (value instanceof ClientHttpResponse wrapped) {
				abort(wrapped);
			}
			else if (value instanceof ModalCloseable connection) {
				connection.close(CloseMode.IMMEDIATE);
			}
		}, (field) -> ClientHttpResponse.class.isAssignableFrom(field.getType())
				|| ClassicHttpResponse.class.isAssignableFrom(field.getType()));
	}

}
