package dev.vgi.external.transport;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Looks hosts up. What it returns is what is connected to: there is no second look-up in
 * between. Thread-safe.
 */
@FunctionalInterface
public interface HostResolver {

	/**
	 * Return the addresses of a host, the best first.
	 * @param host a name, or an address without brackets
	 * @return the addresses to try one after the other, at least one
	 * @throws AddressRejectedException if there are only such as must not be connected to
	 * @throws UnknownHostException if there are none
	 */
	InetAddress[] resolve(String host) throws UnknownHostException;

}
