package dev.vgi.external.transport;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

import dev.vgi.external.time.ManualTimer;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class AddressMemoryTests {

	private final ManualTimer timer = new ManualTimer();

	private final AddressMemory memory = new AddressMemory(this.timer::nanoTime);

	/** Numbers stand for addresses: {@code 4.1} for 10.0.0.1, {@code 6.1} for fd00::1. */
	private static List<InetAddress> addresses(String numbers) {
		return Arrays.stream(numbers.split(" ")).filter((number) -> !number.isEmpty()).map((number) -> {
			try {
				return InetAddress.getByName((number.startsWith("4") ? "10.0.0." : "fd00::") + number.substring(2));
			}
			catch (UnknownHostException ex) {
				throw new IllegalStateException(ex);
			}
		}).toList();
	}

	private String order(String numbers) {
		return this.memory.order(addresses(numbers))
			.stream()
			.map(InetAddress::getHostAddress)
			.map((address) -> address.startsWith("10.") ? "4." + address.substring(7)
					: "6." + address.substring(address.lastIndexOf(':') + 1))
			.collect(Collectors.joining(" "));
	}

	private void won(String winner, String slower) {
		this.memory.won(addresses(winner).get(0), addresses(slower));
		this.timer.advance(Duration.ofNanos(1));
	}

	@Test
	void familiesTakeTurns() {
		assertThat(order("6.1 6.2 6.3 4.1 4.2")).isEqualTo("6.1 4.1 6.2 4.2 6.3");
		assertThat(order("4.1 4.2 6.1 6.2 6.3 6.4")).isEqualTo("4.1 6.1 4.2 6.2 6.3 6.4");
		assertThat(order("4.3 4.1 4.2")).isEqualTo("4.3 4.1 4.2");
		assertThat(order("6.1")).isEqualTo("6.1");
		assertThat(order("")).isEmpty();
	}

	@Test
	void eachAddressIsTriedOnce() {
		assertThat(order("6.1 6.1 4.1 6.1 4.1 6.2")).isEqualTo("6.1 4.1 6.2");
	}

	@Test
	void familyThatWasOvertakenGoesBehindOnAllHosts() {
		won("4.1", "6.1");
		assertThat(order("6.1 4.1")).isEqualTo("4.1 6.1");
		assertThat(order("6.7 6.8 4.7 4.8")).isEqualTo("4.7 6.7 4.8 6.8");
		assertThat(order("6.7 6.8")).isEqualTo("6.7 6.8");
	}

	@Test
	void addressThatWasOvertakenGoesBehind() {
		won("4.2", "4.1");
		assertThat(order("4.1 4.2 4.3 6.1")).isEqualTo("6.1 4.2 4.3 4.1");
		won("4.3", "4.2");
		assertThat(order("4.1 4.2 4.3 6.1")).isEqualTo("6.1 4.3 4.1 4.2");
		assertThat(order("4.7 6.7")).isEqualTo("4.7 6.7");
	}

	@Test
	void winnerIsNotBehindAnyLonger() {
		won("4.1", "6.1");
		won("6.1", "4.1");
		assertThat(order("4.1 6.1")).isEqualTo("6.1 4.1");
		assertThat(order("4.7 6.7")).isEqualTo("6.7 4.7");
		// It has beaten nobody, so that its family stays where it is.
		won("4.1", "");
		assertThat(order("4.1 6.1")).isEqualTo("6.1 4.1");
		assertThat(order("4.1 4.2")).isEqualTo("4.1 4.2");
	}

	@Test
	void hostsThatDisagreeAreBothRemembered() {
		won("4.1", "6.1");
		won("6.2", "4.2");
		assertThat(order("6.1 4.1")).isEqualTo("4.1 6.1");
		assertThat(order("4.2 6.2")).isEqualTo("6.2 4.2");
	}

	@Test
	void memoryEnds() {
		won("4.1", "6.1");
		this.timer.advance(AddressMemory.KEPT.minusNanos(2));
		assertThat(order("6.1 4.1")).isEqualTo("4.1 6.1");
		this.timer.advance(Duration.ofNanos(3));
		assertThat(order("6.1 4.1")).isEqualTo("6.1 4.1");
	}

	@Test
	void memoryIsBounded() {
		for (int i = 0; i < AddressMemory.MOST; i++) {
			won("4.1", "6." + Integer.toHexString(i + 1));
		}
		// The family counts as one and was renewed each time.
		assertThat(order("6.1 6.ffff 4.7")).isEqualTo("4.7 6.1 6.ffff");
		assertThat(order("6.2 6.ffff 4.7")).isEqualTo("4.7 6.ffff 6.2");
	}

}
