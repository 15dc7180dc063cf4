package dev.vgi.external.fetch;

import dev.vgi.external.transport.StorageResponse;
import org.jspecify.annotations.Nullable;

/**
 * What tells versions of an object apart.
 *
 * @param entityTag the entity tag, or {@code null}
 * @param lastModified when it was changed, in case there is no tag; or {@code null}
 */
record ObjectVersion(@Nullable String entityTag, @Nullable String lastModified) {

	static ObjectVersion of(StorageResponse response) {
		return new ObjectVersion(response.header("ETag"), response.header("Last-Modified"));
	}

	/**
	 * Return whether two answers may be of the same version.
	 * @param other another answer's
	 * @return {@code false} if both say what, and not the same
	 */
	boolean mayBe(ObjectVersion other) {
		return (this.entityTag != null && other.entityTag != null) ? this.entityTag.equals(other.entityTag)
				: this.lastModified == null || other.lastModified == null
						|| this.lastModified.equals(other.lastModified);
	}

}
