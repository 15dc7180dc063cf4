package dev.vgi.external.transport;

import dev.vgi.external.time.TransferTimer;
import org.jspecify.annotations.Nullable;

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
		return transport(settings, null);
	}

	/**
	 * Make a transport, for tests whose retries go by a clock of their own: its pauses
	 * would be real.
	 * @param settings with as many connections as requests may be in flight
	 * @param timer measures its deadlines, or {@code null} for the system's
	 * @return the transport; the caller closes it
	 */
	public static StorageTransport transport(TransportSettings settings, @Nullable TransferTimer timer) {
		return new StorageTransport(settings, null, timer, false);
	}

}
