package dev.vgi.external.web;

import java.io.Flushable;
import java.io.IOException;

import dev.vgi.external.Internal;

import org.springframework.http.HttpOutputMessage;

/**
 * The response of a server: whether it can still become another one, and how to send what
 * it has so far. Flushing its body has no effect.
 */
@Internal
public interface ServedMessage extends HttpOutputMessage, Flushable {

	/**
	 * Return whether status and headers were sent.
	 * @return {@code true} if a failure can no longer be answered with a status
	 */
	boolean isCommitted();

	/**
	 * Send what was written so far.
	 * @throws IOException if it cannot be sent
	 */
	@Override
	void flush() throws IOException;

}
