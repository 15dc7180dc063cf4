package dev.vgi.external.transport;

import java.net.UnknownHostException;

/**
 * A host has no address that may be connected to. Thrown by a {@link HostResolver} given
 * to {@link StorageTransport}, which reports it as a refused URL.
 */
public class AddressRejectedException extends UnknownHostException {

	private static final long serialVersionUID = 1L;

	/**
	 * Create a refusal.
	 * @param reason why, and which key would allow it; names the host and contains no URL
	 */
	public AddressRejectedException(String reason) {
		super(reason);
	}

}
