package dev.vgi.external.location;

import java.net.URI;

import dev.vgi.external.batch.BatchMetadata;
import org.jspecify.annotations.Nullable;

/**
 * Makes the pointers of one response renewable: whoever gets the response may exchange
 * what is added here for a fresh link. Thread-safe, since segments are stored by several
 * threads.
 */
@FunctionalInterface
public interface PointerRenewal {

	/**
	 * Return what a pointer carries besides its location.
	 * @param location the signed URL
	 * @param sha256 digest of the raw stream, or {@code null} if the pointer has none
	 * @return the token and where to send it; empty if the link cannot be renewed
	 */
	BatchMetadata of(URI location, @Nullable String sha256);

}
