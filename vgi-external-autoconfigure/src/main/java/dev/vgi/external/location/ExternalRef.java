package dev.vgi.external.location;

import java.net.URI;
import java.time.Instant;
import java.util.regex.Pattern;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A batch that is already in storage, to be used in any number of responses: each is a
 * pointer to the same object, whatever the batch's size, and uploads nothing. Created by
 * {@link Externalizer#publish} or, for an object that others stored, by hand.
 * <p>
 * Anyone who has the URL can read the object until the URL expires. Give a reference only
 * to callers who may all see the same data.
 *
 * @param url absolute URL of an Arrow IPC stream with the schema of the response and
 * exactly one data batch; usually signed
 * @param sha256 digest of the raw stream before any coding, 64 lower-case hexadecimal
 * digits; {@code null} if receivers shall not check the content, as for an object that is
 * replaced in place
 * @param schema the stream's schema in memory format, compared with that of the response;
 * {@code null} to leave the comparison to receivers
 * @param expiresAt when the URL stops working; {@code null} if it does not expire or the
 * time is unknown
 */
public record ExternalRef(URI url, @Nullable String sha256, @Nullable Schema schema, @Nullable Instant expiresAt) {

	private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

	public ExternalRef {
		// A message must not quote the URL.
		Assert.isTrue(AbsoluteUrl.matches(url), "'url' " + AbsoluteUrl.RULE);
		Assert.isTrue(sha256 == null || SHA256.matcher(sha256).matches(),
				"'sha256' must be 64 lower-case hexadecimal digits");
	}

	/**
	 * Refer to an object that others stored and of which only the URL is known.
	 * @param url its absolute URL
	 * @return the reference
	 */
	public static ExternalRef of(URI url) {
		return new ExternalRef(url, null, null, null);
	}

	/**
	 * Return a copy whose receivers do not check the content.
	 * @return the same object without its digest
	 */
	public ExternalRef withoutDigest() {
		return new ExternalRef(this.url, null, this.schema, this.expiresAt);
	}

	/**
	 * Create the pointer that stands for the batch in a response.
	 * @param shape a batch with the columns of the response; borrowed
	 * @param allocator allocates a negligible amount
	 * @return a batch without rows, independent of the shape; the caller closes it
	 * @throws SchemaMismatchException if the stored batch has other columns
	 */
	public AnnotatedBatch pointerBatch(AnnotatedBatch shape, BufferAllocator allocator) {
		if (this.schema != null) {
			SchemaComparison.requireSame(shape.schema(), this.schema);
		}
		return shape.zeroRows(new Pointer(this.url, this.sha256).toMetadata(), allocator);
	}

	/**
	 * Show the reference without its signature.
	 * @return the redacted URL, the digest and the expiry
	 */
	@Override
	public String toString() {
		return "ExternalRef[url=" + RedactedUrl.of(this.url) + ", sha256=" + this.sha256 + ", expiresAt="
				+ this.expiresAt + "]";
	}

}
