package dev.vgi.external.web.server;

import java.io.IOException;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

/**
 * Answers a request of the protocol with an error batch. The RPC layer above maps
 * exceptions to error batches.
 */
@FunctionalInterface
public interface ErrorWriter {

	/**
	 * Write an error.
	 * @param request the request
	 * @param response the response, not committed
	 * @param status the HTTP status; with 200 a header marks the response as an error
	 * @param failure the error to report
	 * @throws IOException if the caller has disconnected
	 */
	void writeError(HttpServletRequest request, HttpServletResponse response, int status, Exception failure)
			throws IOException;

}
