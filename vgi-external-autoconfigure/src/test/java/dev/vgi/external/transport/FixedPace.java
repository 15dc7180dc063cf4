package dev.vgi.external.transport;

/**
 * Makes transports that do not adapt to the network.
 */
public final class FixedPace {

	private FixedPace() {
	}

	/**
	 * Make a transport.
	 * @param settings with as many connections as requests may be in flight
	 * @return the transport; the caller closes it
	 */
	public static StorageTransport transport(TransportSettings settings) {
		return new StorageTransport(settings, null, null, false);
	}

}
