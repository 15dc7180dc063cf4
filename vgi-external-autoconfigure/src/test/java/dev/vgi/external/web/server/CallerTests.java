package dev.vgi.external.web.server;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.mock.web.MockHttpServletRequest;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Caller}.
 */
class CallerTests {

	@ParameterizedTest
	@CsvSource({ "2001:db8:1:2::1, 2001:db8:1:2:ffff:ffff:ffff:ffff", "[2001:db8:1:2::1], 2001:db8:1:2:0:0:0:1",
			"::ffff:192.0.2.1, 192.0.2.1", "::1, 0:0:0:0:0:0:0:1" })
	void addressesOfOneCallerAreOne(String address, String other) {
		assertThat(caller(address)).isEqualTo(caller(other));
	}

	@ParameterizedTest
	@CsvSource({ "2001:db8:1:2::1, 2001:db8:1:3::1", "192.0.2.1, 192.0.2.2", "fe80::1, fe80::2",
			"::ffff:192.0.2.1, ::ffff:192.0.2.2", "::1, 127.0.0.1" })
	void otherAddressesAreOthers(String address, String other) {
		assertThat(caller(address)).isNotEqualTo(caller(other));
	}

	@ParameterizedTest
	@CsvSource({ "unknown", "host.invalid:80", "fe80::1%nowhere", "::1::", "[::1" })
	void whatIsNoAddressIsItsText(String text) {
		assertThat(caller(text)).isEqualTo("address " + text);
	}

	@Test
	void principalGoesBeforeItsAddress() {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.setRemoteAddr("2001:db8::1");
		request.setUserPrincipal(() -> "address 2001:db8::1");
		assertThat(Caller.of(request)).isEqualTo("principal address 2001:db8::1");
	}

	private static String caller(String address) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.setRemoteAddr(address);
		return Caller.of(request);
	}

}
