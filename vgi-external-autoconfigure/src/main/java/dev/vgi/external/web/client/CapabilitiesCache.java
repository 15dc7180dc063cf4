package dev.vgi.external.web.client;

import java.time.Duration;
import java.util.function.LongSupplier;

import dev.vgi.external.web.Capabilities;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * What a service has announced, for as long as it counts. Thread-safe.
 */
final class CapabilitiesCache {

	private static final Duration EXPIRY = Duration.ofMinutes(5);

	private final LongSupplier nanoTime;

	private volatile @Nullable Announcement latest;

	CapabilitiesCache(LongSupplier nanoTime) {
		this.nanoTime = nanoTime;
	}

	/**
	 * Remember what a response announces, if it does. Error responses of some peers carry
	 * no announcement, which does not withdraw earlier ones.
	 * @param headers the headers of the response
	 */
	void remember(HttpHeaders headers) {
		Capabilities found = Capabilities.from(headers);
		if (found != null) {
			this.latest = new Announcement(found,
					"true".equalsIgnoreCase(headers.getFirst(Capabilities.ACCEPT_MAX_RESPONSE_BYTES_SUPPORT)),
					this.nanoTime.getAsLong());
		}
	}

	/**
	 * Return the latest announcement.
	 * @return the announcement, or {@code null} if there is none or it is too old
	 */
	@Nullable Announcement get() {
		Announcement announced = this.latest;
		return (announced != null && this.nanoTime.getAsLong() - announced.time() < EXPIRY.toNanos()) ? announced
				: null;
	}

	/**
	 * Capabilities and when they were received.
	 *
	 * @param capabilities the announced capabilities
	 * @param responseLimits whether the service supports a caller's response limit
	 * @param time time of receipt, by the client's clock
	 */
	record Announcement(Capabilities capabilities, boolean responseLimits, long time) {

		/**
		 * Return whether a request has to go through storage.
		 * @param length its bytes
		 * @return whether it is over the cap of a service that vends upload URLs
		 */
		boolean refuses(long length) {
			Long max = this.capabilities.maxRequestBytes();
			return max != null && length > max && this.capabilities.uploadUrlSupport();
		}

		/**
		 * Return whether a request may go through storage.
		 * @param length its bytes
		 * @return whether upload URLs are vended for that size
		 */
		boolean takesUpload(long length) {
			Long max = this.capabilities.maxUploadBytes();
			return this.capabilities.uploadUrlSupport() && (max == null || length <= max);
		}

	}

}
