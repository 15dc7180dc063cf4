package dev.vgi.external.web.client;

import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.web.client.CapabilitiesCache.Announcement;
import dev.vgi.external.web.client.ServiceResponse.AnswerReader;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests to methods, in the dialect that the service understands. Thread-safe.
 */
final class MethodRouter {

	private final ServiceConnection service;

	private final Dialect configured;

	private volatile @Nullable Dialect found;

	MethodRouter(ServiceConnection service, Dialect configured) {
		this.service = service;
		this.configured = configured;
	}

	/**
	 * Send a request to a method.
	 * @param <T> the result
	 * @param address the method
	 * @param body the request's stream; borrowed
	 * @param context the call
	 * @param reader reads the answer
	 * @return the result and the dialect, or {@code null} if the service finds the body
	 * too large
	 */
	<T> @Nullable Reply<T> send(CallAddress address, GatheredStream body, CallContext context, AnswerReader<T> reader) {
		VgiExternalException notFound = null;
		for (Dialect dialect : dialects(address)) {
			boolean[] missing = new boolean[1];
			try {
				T answer = this.service.send(address.request(dialect).with(body), (response) -> {
					// Nothing was executed, so trying the other dialect is safe.
					missing[0] = response.isNotFound();
					if (!missing[0] && response.isArrow()) {
						this.found = dialect;
					}
					return response.readUnlessTooLarge(context, reader);
				});
				return (answer != null) ? new Reply<>(answer, dialect) : null;
			}
			catch (VgiExternalException ex) {
				if (!missing[0]) {
					throw ex;
				}
				// An error from the service itself takes precedence over one from its web
				// server.
				notFound = (notFound instanceof ErrorBatchException
						|| notFound != null && !(ex instanceof ErrorBatchException)) ? notFound : ex;
			}
		}
		if (notFound == null) {
			throw new IllegalStateException("No dialect was tried");
		}
		throw notFound;
	}

	// the dialects to try, best first
	private List<Dialect> dialects(CallAddress address) {
		if (address.protocol() == null) {
			return List.of(Dialect.FLAT);
		}
		if (this.configured != Dialect.AUTO) {
			return List.of(this.configured);
		}
		Dialect first = this.found;
		if (first == null) {
			Announcement known = this.service.knownOrAsked();
			// The last flat releases announce this, too, so it is only the better guess.
			first = (known != null && known.responseLimits()) ? Dialect.NAMESPACED : Dialect.FLAT;
		}
		return List.of(first, (first == Dialect.FLAT) ? Dialect.NAMESPACED : Dialect.FLAT);
	}

	/**
	 * A result and the dialect in which the service answered.
	 *
	 * @param <T> the result
	 * @param value the result
	 * @param dialect the dialect that the service understood
	 */
	record Reply<T>(T value, Dialect dialect) {

	}

}
