package dev.vgi.external.transport;

import java.net.URI;

import dev.vgi.external.pace.Pace;
import dev.vgi.external.pace.PacedTransfer;
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
	 * Return whose turn it is at an origin.
	 * @param transport the transport
	 * @param transfer whose requests are meant
	 * @param url any URL of the origin
	 * @return the pace of those requests
	 */
	public static Pace of(StorageTransport transport, PacedTransfer transfer, URI url) {
		return transport.paces().of(transfer, url);
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
