package dev.vgi.external.rpc.pipe.server;

import dev.vgi.external.VgiExternalException;

import org.springframework.core.MethodParameter;

/**
 * A handler has a parameter that has a value over HTTP only, so its method cannot be
 * called over a pipe.
 */
public class HttpOnlyParameterException extends VgiExternalException {

	private final transient MethodParameter parameter;

	/**
	 * Create an exception.
	 * @param parameter the parameter
	 */
	HttpOnlyParameterException(MethodParameter parameter) {
		super(Kind.UNSUPPORTED, "Parameter " + (parameter.getParameterIndex() + 1) + " (" + parameter.getParameter()
				+ ") of " + parameter.getMethod() + " has a value over HTTP only", null);
		this.parameter = parameter;
	}

	/**
	 * Return the parameter.
	 * @return the parameter of the handler
	 */
	public MethodParameter parameter() {
		return this.parameter;
	}

}
