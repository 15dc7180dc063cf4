package dev.vgi.external.location;

import java.net.URI;
import java.net.URISyntaxException;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlRejectedException;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The content of a pointer batch: where the data is and the digest of its bytes.
 *
 * @param location absolute URL, usually signed
 * @param sha256 digest of the raw stream before any coding, 64 hexadecimal digits; or
 * {@code null} if the sender gave none
 */
@Internal
public record Pointer(URI location, @Nullable String sha256) {

	public Pointer {
		Assert.notNull(location, "'location' must not be null");
	}

	/**
	 * Read the pointer of a batch.
	 * @param metadata metadata of a batch whose kind is pointer
	 * @return the pointer
	 * @throws UrlRejectedException if the location is not an absolute URL
	 */
	public static Pointer from(BatchMetadata metadata) {
		String location = metadata.get(MetadataKeys.LOCATION);
		Assert.state(location != null, "a pointer has a location");
		try {
			URI url = new URI(location);
			if (AbsoluteUrl.matches(url)) {
				return new Pointer(url, metadata.get(MetadataKeys.LOCATION_SHA256));
			}
		}
		catch (URISyntaxException ex) {
			// The message quotes the URL, so it is not passed on as the cause.
		}
		throw new UrlRejectedException(URI.create("invalid:location"), "the pointer's location " + AbsoluteUrl.RULE);
	}

	/**
	 * Return the metadata that makes a zero-row batch this pointer.
	 * @return location and, if known, digest; nothing else, since receivers drop the rest
	 */
	public BatchMetadata toMetadata() {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, this.location.toString());
		return (this.sha256 != null) ? metadata.with(MetadataKeys.LOCATION_SHA256, this.sha256) : metadata;
	}

	/**
	 * Show the pointer without its signature.
	 * @return the redacted location and the digest
	 */
	@Override
	public String toString() {
		return "Pointer[location=" + RedactedUrl.of(this.location) + ", sha256=" + this.sha256 + "]";
	}

}
