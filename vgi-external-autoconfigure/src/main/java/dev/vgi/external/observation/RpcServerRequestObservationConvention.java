package dev.vgi.external.observation;

import dev.vgi.external.web.Capabilities;
import io.micrometer.common.KeyValue;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.http.server.observation.DefaultServerRequestObservationConvention;
import org.springframework.http.server.observation.ServerRequestObservationContext;

/**
 * Counts a response that is marked as an error as a server error in
 * {@code http.server.requests}, although its status is 200.
 */
public final class RpcServerRequestObservationConvention extends DefaultServerRequestObservationConvention {

	private static final KeyValue SERVER_ERROR = KeyValue.of("outcome", "SERVER_ERROR");

	/**
	 * Create a convention.
	 * @param name name of the observation
	 */
	public RpcServerRequestObservationConvention(String name) {
		super(name);
	}

	@Override
	protected KeyValue outcome(ServerRequestObservationContext context) {
		HttpServletResponse response = context.getResponse();
		return (response != null && response.getHeader(Capabilities.RPC_ERROR) != null) ? SERVER_ERROR
				: super.outcome(context);
	}

}
