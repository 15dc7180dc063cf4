package dev.vgi.external.web.server;

import java.io.IOException;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

/**
 * Answers a request of the protocol with an error batch. How an exception becomes one is
 * the business of the RPC layer above.
 */
@FunctionalInterface
public interface ErrorWriter {

	/**
	 * Write an error.
	 * @param request the request
	 * @param response the response, not committed
	 * @param status the HTTP status; 200 is flagged as an error by its header
	 * @param failure what happened
	 * @throws IOException if the caller is gone
	 */
	void writeError(HttpServletRequest request, HttpServletResponse response, int status, Exception failure)
			throws IOException;

}
