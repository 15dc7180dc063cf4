package dev.vgi.external.transport;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Looks up hosts. Connections are opened to exactly the addresses it returns: there is no
 * second look-up in between. Thread-safe.
 */
@FunctionalInterface
public interface HostResolver {

	/**
	 * Return the addresses of a host, the best first.
	 * @param host a name, or an address without brackets
	 * @return the addresses to try in this order, at least one
	 * @throws AddressRejectedException if none of its addresses may be connected to
	 * @throws UnknownHostException if it has no addresses
	 */
	InetAddress[] resolve(String host) throws UnknownHostException;

	/**
	 * Return the addresses of a host that somebody else named: in a pointer, an upload
	 * URL or a redirect, and not in the settings of this process's own storage.
	 * @param host a name, or an address without brackets
	 * @return as for the other method, by default the same addresses
	 * @throws AddressRejectedException if none of its addresses may be connected to
	 * @throws UnknownHostException if it has no addresses
	 */
	default InetAddress[] resolveForeign(String host) throws UnknownHostException {
		return resolve(host);
	}

}
