package dev.vgi.external.transport;

import org.apache.hc.core5.http.message.BasicClassicHttpRequest;

/**
 * A request whose target is sent exactly as given: a signature covers every byte of it,
 * and a proxy requires other forms of it.
 */
final class TargetedRequest extends BasicClassicHttpRequest {

	private static final long serialVersionUID = 1L;

	private final String target;

	TargetedRequest(String method, String target) {
		super(method, "/");
		this.target = target;
	}

	@Override
	public String getRequestUri() {
		return this.target;
	}

	@Override
	public String toString() {
		return getMethod();
	}

}
