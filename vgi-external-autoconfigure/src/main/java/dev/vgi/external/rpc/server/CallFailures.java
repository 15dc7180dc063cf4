package dev.vgi.external.rpc.server;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.core.log.LogMessage;
import org.springframework.web.ErrorResponse;

/**
 * What is known about the failure of a call, whatever carries it.
 */
public final class CallFailures {

	private static final Log logger = LogFactory.getLog(CallFailures.class);

	private CallFailures() {
	}

	/**
	 * Log why a call failed.
	 * @param method the called method
	 * @param failure the failure
	 */
	public static void log(RpcMethodDescriptor method, Throwable failure) {
		// Transfers log their own failures, and a bad request is the caller's problem.
		if (failure instanceof VgiExternalException || failure instanceof ErrorResponse || isSecurityFailure(failure)) {
			logger.debug(LogMessage.format("RPC method %s refused or failed: %s", method, failure.getMessage()));
		}
		else {
			logger.warn(LogMessage.format("RPC method %s failed", method), failure);
		}
	}

	/**
	 * Return whether a failure is Spring Security's. Over HTTP its filters answer it, and
	 * expect the exception.
	 * @param failure the failure
	 * @return {@code true} if the caller may not do this, or must say first who it is
	 */
	public static boolean isSecurityFailure(Throwable failure) {
		return isDenied(failure) || isUnauthenticated(failure);
	}

	static boolean isDenied(Throwable failure) {
		return hasType(failure, "org.springframework.security.access.AccessDeniedException");
	}

	static boolean isUnauthenticated(Throwable failure) {
		return hasType(failure, "org.springframework.security.core.AuthenticationException");
	}

	// By name, because Spring Security is optional.
	private static boolean hasType(Throwable failure, String name) {
		for (@Nullable
		Class<?> type = failure.getClass(); type != null; type = type.getSuperclass()) {
			if (type.getName().equals(name)) {
				return true;
			}
		}
		return false;
	}

}
