package dev.vgi.external.transport;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

import org.jspecify.annotations.Nullable;

/**
 * Remembers for ten minutes which addresses were overtaken by another address of their
 * host, and which of the two families was overtaken by the other, on whatever host. They
 * are tried behind the others. Bounded. Thread-safe.
 */
final class AddressMemory {

	static final Duration KEPT = Duration.ofMinutes(10);

	static final int MOST = 256;

	private final LongSupplier nanoTime;

	/** An address, or the class of a family, and when it was overtaken. */
	private final Map<Object, Long> overtaken = new LinkedHashMap<>() {

		@Override
		protected boolean removeEldestEntry(Map.@Nullable Entry<Object, Long> eldest) {
			return size() > MOST;
		}

	};

	AddressMemory(LongSupplier nanoTime) {
		this.nanoTime = nanoTime;
	}

	/**
	 * Return in which order addresses are tried: the families in turn, beginning with
	 * that of the first address unless it was overtaken; then the addresses that were
	 * overtaken, the last one at the end.
	 * @param addresses the addresses of a host, the best first
	 * @return each of them once
	 */
	synchronized List<InetAddress> order(List<InetAddress> addresses) {
		List<InetAddress> first = new ArrayList<>();
		List<InetAddress> second = new ArrayList<>();
		Class<?> begins = begins(addresses);
		for (InetAddress address : new LinkedHashSet<>(addresses)) {
			((address.getClass() == begins) ? first : second).add(address);
		}
		List<InetAddress> order = new ArrayList<>();
		for (int i = 0; i < Math.max(first.size(), second.size()); i++) {
			if (i < first.size()) {
				order.add(first.get(i));
			}
			if (i < second.size()) {
				order.add(second.get(i));
			}
		}
		order.sort(Comparator.comparingLong(this::rank));
		return order;
	}

	private @Nullable Class<?> begins(List<InetAddress> addresses) {
		int difference = Long.compare(rank(Inet4Address.class), rank(Inet6Address.class));
		if (difference != 0) {
			return (difference < 0) ? Inet4Address.class : Inet6Address.class;
		}
		return addresses.isEmpty() ? null : addresses.get(0).getClass();
	}

	private long rank(Object addressOrFamily) {
		Long at = this.overtaken.get(addressOrFamily);
		return (at != null) ? Math.max(-1, at - this.nanoTime.getAsLong() + KEPT.toNanos()) : -1;
	}

	/**
	 * Remember who was overtaken.
	 * @param winner the address that was connected to
	 * @param slower the addresses of the same host that had not answered yet, although
	 * they were tried before
	 */
	synchronized void won(InetAddress winner, List<InetAddress> slower) {
		this.overtaken.remove(winner);
		for (InetAddress address : slower) {
			remember(address);
			if (address.getClass() != winner.getClass()) {
				remember(address.getClass());
				this.overtaken.remove(winner.getClass());
			}
		}
	}

	private void remember(Object addressOrFamily) {
		this.overtaken.remove(addressOrFamily);
		this.overtaken.put(addressOrFamily, this.nanoTime.getAsLong());
	}

}
