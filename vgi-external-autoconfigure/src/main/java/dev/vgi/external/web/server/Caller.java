package dev.vgi.external.web.server;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.Principal;
import java.util.HexFormat;

import dev.vgi.external.Internal;
import jakarta.servlet.http.HttpServletRequest;

/**
 * The identity of a caller for fair sharing: memory and storage are divided by this name.
 */
@Internal
public final class Caller {

	private static final int NETWORK = 8;

	private Caller() {
	}

	/**
	 * Return the caller of a request: its principal, or else its address. An IPv6 address
	 * counts as its network of 64 bits, which is what one caller usually has.
	 * @param request the request
	 * @return a name, the same for the same caller; an address never equals the name of a
	 * principal
	 */
	public static String of(HttpServletRequest request) {
		Principal principal = request.getUserPrincipal();
		return (principal != null) ? "principal " + principal.getName()
				: "address " + withoutHost(request.getRemoteAddr());
	}

	private static String withoutHost(String address) {
		if (address.indexOf(':') < 0) {
			return address;
		}
		try {
			// Text in brackets is parsed, never looked up.
			InetAddress parsed = InetAddress.getByName(address.startsWith("[") ? address : "[" + address + "]");
			// Hosts of the same link are told apart, as are those of IPv4.
			return (parsed instanceof Inet6Address && !parsed.isLinkLocalAddress())
					? HexFormat.of().formatHex(parsed.getAddress(), 0, NETWORK) + "/64" : parsed.getHostAddress();
		}
		catch (UnknownHostException ex) {
			// A proxy may send anything.
			return address;
		}
	}

}
