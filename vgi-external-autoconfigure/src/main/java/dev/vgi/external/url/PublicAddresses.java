package dev.vgi.external.url;

import java.net.Inet4Address;
import java.net.InetAddress;

import dev.vgi.external.Internal;

/**
 * Distinguishes addresses of the public internet from all others: loopback, private,
 * link-local (where clouds serve their metadata), carrier-grade NAT, unique-local,
 * multicast, documentation and reserved ones, also when they are embedded in an IPv6
 * address.
 */
@Internal
public final class PublicAddresses {

	private PublicAddresses() {
	}

	/**
	 * Return whether an address belongs to the public internet.
	 * @param address the address
	 * @return {@code false} for every address that could reach something internal
	 */
	public static boolean isPublic(InetAddress address) {
		byte[] bytes = address.getAddress();
		return (address instanceof Inet4Address) ? isPublic4(bytes, 0) : isPublic6(bytes);
	}

	private static boolean isPublic4(byte[] bytes, int offset) {
		int a = bytes[offset] & 0xff;
		int b = bytes[offset + 1] & 0xff;
		int c = bytes[offset + 2] & 0xff;
		return switch (a) {
			case 0, 10, 127 -> false;
			case 100 -> (b & 0xc0) != 64;
			case 169 -> b != 254;
			case 172 -> (b & 0xf0) != 16;
			case 192 -> !((b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99) || b == 168);
			case 198 -> !((b & 0xfe) == 18 || (b == 51 && c == 100));
			case 203 -> !(b == 0 && c == 113);
			default -> a < 224;
		};
	}

	private static boolean isPublic6(byte[] bytes) {
		if (isZero(bytes, 0, 10)) {
			// IPv4-mapped addresses; everything else with this prefix is refused:
			// unspecified, loopback, IPv4-compatible.
			return (bytes[10] & 0xff) == 0xff && (bytes[11] & 0xff) == 0xff && isPublic4(bytes, 12);
		}
		if (startsWith(bytes, 0x00, 0x64, 0xff, 0x9b)) {
			return isZero(bytes, 4, 12) && isPublic4(bytes, 12); // NAT64
		}
		if (startsWith(bytes, 0x20, 0x02)) {
			return isPublic4(bytes, 2); // 6to4
		}
		if (startsWith(bytes, 0x20, 0x01) && (bytes[2] & 0xfe) == 0) {
			return false; // 2001:0::/23, Teredo among them
		}
		if (startsWith(bytes, 0x20, 0x01, 0x0d, 0xb8) || (startsWith(bytes, 0x3f, 0xff) && (bytes[2] & 0xf0) == 0)) {
			return false; // documentation
		}
		return (bytes[0] & 0xe0) == 0x20; // 2000::/3 is all there is of global unicast
	}

	private static boolean startsWith(byte[] bytes, int... prefix) {
		for (int i = 0; i < prefix.length; i++) {
			if ((bytes[i] & 0xff) != prefix[i]) {
				return false;
			}
		}
		return true;
	}

	private static boolean isZero(byte[] bytes, int from, int to) {
		for (int i = from; i < to; i++) {
			if (bytes[i] != 0) {
				return false;
			}
		}
		return true;
	}

}
