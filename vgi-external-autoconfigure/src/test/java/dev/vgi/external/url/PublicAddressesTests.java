package dev.vgi.external.url;

import java.math.BigInteger;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The blocks are those of the IANA registries of special-purpose addresses, of multicast
 * and of what was taken out of use, each with its first and its last address, and with
 * the neighbours of these.
 */
class PublicAddressesTests {

	private static final String BLOCKS_4 = """
			#first          | last            | inside  | before  | after   | what it is
			0.0.0.0         | 0.255.255.255   | refused | none    | public  | this network
			10.0.0.0        | 10.255.255.255  | refused | public  | public  | private
			100.64.0.0      | 100.127.255.255 | refused | public  | public  | shared by a carrier's customers
			127.0.0.0       | 127.255.255.255 | refused | public  | public  | loopback
			169.254.0.0     | 169.254.255.255 | refused | public  | public  | link-local, metadata of clouds
			172.16.0.0      | 172.31.255.255  | refused | public  | public  | private
			192.0.0.0       | 192.0.0.255     | refused | public  | public  | protocol assignments
			192.0.2.0       | 192.0.2.255     | refused | public  | public  | documentation
			192.31.196.0    | 192.31.196.255  | public  | public  | public  | AS112
			192.52.193.0    | 192.52.193.255  | public  | public  | public  | AMT
			192.88.99.0     | 192.88.99.255   | refused | public  | public  | relays of 6to4, out of use
			192.168.0.0     | 192.168.255.255 | refused | public  | public  | private
			192.175.48.0    | 192.175.48.255  | public  | public  | public  | AS112
			198.18.0.0      | 198.19.255.255  | refused | public  | public  | benchmarks
			198.51.100.0    | 198.51.100.255  | refused | public  | public  | documentation
			203.0.113.0     | 203.0.113.255   | refused | public  | public  | documentation
			224.0.0.0       | 239.255.255.255 | refused | public  | refused | multicast
			240.0.0.0       | 255.255.255.254 | refused | refused | refused | reserved
			255.255.255.255 | 255.255.255.255 | refused | refused | none    | broadcast
			""";

	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = BLOCKS_4)
	void blocksOfIpv4(String first, String last, String inside, String before, String after) throws Exception {
		check(first, last, inside, before, after);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			textBlock = """
					#first         | last                                    | inside  | before  | after   | what it is
					::             | ::                                      | refused | none    | refused | unspecified
					::1            | ::1                                     | refused | refused | refused | loopback
					::2            | ::fffe:ffff:ffff                        | refused | refused | refused | IPv4-compatible
					::1:0:0:0      | ::ffff:ffff:ffff:ffff                   | refused | refused | refused | IPv4-translated
					64:ff9b::1:0:0 | 64:ff9b:0:ffff:ffff:ffff:ffff:ffff      | refused | refused | refused | after NAT64
					64:ff9b:1::    | 64:ff9b:1:ffff:ffff:ffff:ffff:ffff      | refused | refused | refused | NAT64 of a network
					100::          | 100::ffff:ffff:ffff:ffff                | refused | refused | refused | discarded
					100:0:0:1::    | 100::1:ffff:ffff:ffff:ffff              | refused | refused | refused | dummy
					2001::         | 2001:0:ffff:ffff:ffff:ffff:ffff:ffff    | refused | public  | refused | Teredo
					2001:1::       | 2001:1:ffff:ffff:ffff:ffff:ffff:ffff    | refused | refused | refused | anycast of protocols
					2001:2::       | 2001:2:0:ffff:ffff:ffff:ffff:ffff       | refused | refused | refused | benchmarks
					2001:3::       | 2001:3:ffff:ffff:ffff:ffff:ffff:ffff    | refused | refused | refused | AMT
					2001:4:112::   | 2001:4:112:ffff:ffff:ffff:ffff:ffff     | refused | refused | refused | AS112
					2001:10::      | 2001:2f:ffff:ffff:ffff:ffff:ffff:ffff   | refused | refused | refused | ORCHID, both
					2001:30::      | 2001:3f:ffff:ffff:ffff:ffff:ffff:ffff   | refused | refused | refused | tags of drones
					2001:40::      | 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff  | refused | refused | public  | protocol assignments
					2001:db8::     | 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff  | refused | public  | public  | documentation
					2620:4f:8000:: | 2620:4f:8000:ffff:ffff:ffff:ffff:ffff   | public  | public  | public  | AS112
					3fff::         | 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff  | refused | public  | public  | documentation
					2003::         | 2610:ffff:ffff:ffff:ffff:ffff:ffff:ffff | public  | refused | public  | global unicast
					3fff:1000::    | 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | public  | refused | refused | global unicast
					4000::         | 5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | public  | refused | not assigned
					5f00::         | 5fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | refused | refused | segment routing
					6000::         | fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | refused | refused | not assigned
					fc00::         | fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | refused | refused | unique local
					fe80::         | febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | refused | refused | link-local
					fec0::         | feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | refused | refused | site-local
					ff00::         | ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | refused | refused | none    | multicast
					""")
	void blocksOfIpv6(String first, String last, String inside, String before, String after) throws Exception {
		check(first, last, inside, before, after);
	}

	/**
	 * An address that embeds one of IPv4 leads where that one does: as mapped, through
	 * NAT64 and through 6to4.
	 */
	@ParameterizedTest
	@CsvSource(delimiter = '|', textBlock = BLOCKS_4)
	void embeddedBlocksOfIpv4(String first, String last) throws Exception {
		for (String edge : new String[] { first, last }) {
			for (int step = -1; step <= 1; step++) {
				byte[] plain = moved(edge, step);
				if (plain != null) {
					boolean expected = PublicAddresses.isPublic(InetAddress.getByAddress(plain));
					assertThat(isPublic(embedded("::ffff:0:0", plain, 12))).as("mapped").isEqualTo(expected);
					assertThat(isPublic(embedded("64:ff9b::", plain, 12))).as("NAT64").isEqualTo(expected);
					assertThat(isPublic(embedded("2002::", plain, 2))).as("6to4").isEqualTo(expected);
				}
			}
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "::808:808", "::fffe:808:808", "::feff:808:808", "::ff:808:808", "::ff00:808:808",
			"::ffff:0:808:808", "64:ff9b::1:808:808", "64:ff9b:0:0:1::808:808", "64:ff9b:100::808:808",
			"64:ff9a::808:808", "65:ff9b::808:808", "2001::808:808" })
	void whatOnlyLooksEmbeddedIsRefused(String address) throws Exception {
		assertThat(isPublic(bytes(address))).isFalse();
	}

	@Test
	void everythingElseOfIpv4IsPublic() throws Exception {
		int[] thirds = { 0, 1, 2, 3, 48, 99, 100, 112, 113, 114, 168, 193, 196, 254, 255 };
		byte[] address = { 0, 0, 0, 1 };
		int count = 0;
		for (int a = 0; a < 256; a++) {
			for (int b = 0; b < 256; b++) {
				for (int c : thirds) {
					address[0] = (byte) a;
					address[1] = (byte) b;
					address[2] = (byte) c;
					count += PublicAddresses.isPublic(InetAddress.getByAddress(address)) ? 1 : 0;
				}
			}
		}
		int first = 256 - 3 - 32;
		int second = 64 + 1 + 16 + 1 + 2;
		int third = 2 + 1 + 1 + 1;
		assertThat(count).isEqualTo((first * 256 - second) * thirds.length - third);
	}

	private static void check(String first, String last, String inside, String before, String after) throws Exception {
		assertThat(answer(moved(first, 0))).as("first").isEqualTo(inside);
		assertThat(answer(moved(last, 0))).as("last").isEqualTo(inside);
		assertThat(answer(moved(first, -1))).as("before").isEqualTo(before);
		assertThat(answer(moved(last, 1))).as("after").isEqualTo(after);
	}

	private static String answer(byte @Nullable [] address) throws Exception {
		if (address == null) {
			return "none";
		}
		return isPublic(address) ? "public" : "refused";
	}

	private static boolean isPublic(byte[] address) throws Exception {
		// Other factories make an IPv4 address of a mapped one.
		return PublicAddresses.isPublic((address.length == 16) ? Inet6Address.getByAddress(null, address, -1)
				: InetAddress.getByAddress(address));
	}

	private static byte[] embedded(String prefix, byte[] plain, int offset) throws Exception {
		byte[] whole = bytes(prefix);
		System.arraycopy(plain, 0, whole, offset, plain.length);
		return whole;
	}

	private static byte @Nullable [] moved(String address, int step) throws Exception {
		byte[] bytes = bytes(address);
		BigInteger next = new BigInteger(1, bytes).add(BigInteger.valueOf(step));
		if (next.signum() < 0 || next.bitLength() > 8 * bytes.length) {
			return null;
		}
		byte[] digits = next.toByteArray();
		byte[] moved = new byte[bytes.length];
		int length = Math.min(digits.length, moved.length);
		System.arraycopy(digits, digits.length - length, moved, moved.length - length, length);
		return moved;
	}

	private static byte[] bytes(String address) throws UnknownHostException {
		byte[] bytes = InetAddress.getByName(address).getAddress();
		if (bytes.length == 16 || address.indexOf(':') < 0) {
			return bytes;
		}
		byte[] mapped = new byte[16];
		Arrays.fill(mapped, 10, 12, (byte) 0xff);
		System.arraycopy(bytes, 0, mapped, 12, 4);
		return mapped;
	}

}
