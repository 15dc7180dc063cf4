package dev.vgi.external.fetch;

import dev.vgi.external.transport.StorageResponse;
import org.jspecify.annotations.Nullable;

/**
 * What distinguishes versions of an object.
 *
 * @param entityTag the entity tag, or {@code null}
 * @param lastModified the modification date, used if there is no tag; or {@code null}
 */
record ObjectVersion(@Nullable String entityTag, @Nullable String lastModified) {

	static ObjectVersion of(StorageResponse response) {
		return new ObjectVersion(response.header("ETag"), response.header("Last-Modified"));
	}

	/**
	 * Return whether two responses may be of the same version.
	 * @param other the version of another response
	 * @return {@code false} if both state a version and the two differ
	 */
	boolean mayBe(ObjectVersion other) {
		return (this.entityTag != null && other.entityTag != null) ? this.entityTag.equals(other.entityTag)
				: this.lastModified == null || other.lastModified == null
						|| this.lastModified.equals(other.lastModified);
	}

}
