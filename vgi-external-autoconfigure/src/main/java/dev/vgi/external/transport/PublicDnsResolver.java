package dev.vgi.external.transport;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.function.Predicate;

import dev.vgi.external.url.PublicAddresses;
import org.apache.hc.client5.http.DnsResolver;

import org.springframework.util.Assert;

/**
 * Resolves hosts to public addresses only, except hosts that may be private. Because the
 * transport connects to exactly the addresses returned here, a host cannot be checked
 * under one address and reached under another.
 */
public final class PublicDnsResolver implements DnsResolver {

	private final Predicate<String> mayBePrivate;

	private final String key;

	/**
	 * Create a resolver.
	 * @param mayBePrivate whether a host may resolve to a private address
	 * @param key the setting that admits private addresses, named in refusals
	 */
	public PublicDnsResolver(Predicate<String> mayBePrivate, String key) {
		Assert.notNull(mayBePrivate, "'mayBePrivate' must not be null");
		this.mayBePrivate = mayBePrivate;
		this.key = key;
	}

	@Override
	public InetAddress[] resolve(String host) throws UnknownHostException {
		InetAddress[] addresses = InetAddress.getAllByName(host);
		if (this.mayBePrivate.test(host)) {
			return addresses;
		}
		InetAddress[] open = Arrays.stream(addresses).filter(PublicAddresses::isPublic).toArray(InetAddress[]::new);
		if (open.length == 0) {
			throw new AddressRejectedException(
					"host " + host + " resolves to a private address, which " + this.key + " does not allow");
		}
		return open;
	}

	@Override
	public String resolveCanonicalHostname(String host) throws UnknownHostException {
		return host;
	}

}
