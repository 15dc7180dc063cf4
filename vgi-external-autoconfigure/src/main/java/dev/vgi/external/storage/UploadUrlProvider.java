package dev.vgi.external.storage;

import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Vends pairs of URLs through which a caller stores a new object itself. Thread-safe.
 */
@FunctionalInterface
public interface UploadUrlProvider {

	/**
	 * Vend URLs for a new object. Stores nothing yet, and does no I/O, except perhaps to
	 * obtain credentials. Health checks call this regularly.
	 * @param schema schema of the data to upload, as a hint; may have no fields
	 * @return the pair, each bound to its method
	 * @throws dev.vgi.external.VgiExternalException if none can be signed
	 */
	UploadUrl generateUploadUrl(Schema schema);

	/**
	 * Vend URLs for a new object of an owner, whose {@linkplain ObjectOwner#mark mark}
	 * its key contains, so that the storage {@linkplain ExternalStorage#admits admits}
	 * its download URL for this owner only.
	 * @param schema as for {@link #generateUploadUrl(Schema)}
	 * @param owner for whom the object will be stored
	 * @return the pair
	 * @throws UnsupportedOperationException by default, unless the owner is
	 * {@link ObjectOwner#nobody()}
	 */
	default UploadUrl generateUploadUrl(Schema schema, ObjectOwner owner) {
		if (owner == ObjectOwner.nobody()) {
			return generateUploadUrl(schema);
		}
		throw new UnsupportedOperationException("The upload URLs are not marked with their owners");
	}

	/**
	 * Return whether {@link #generateUploadUrl(Schema, ObjectOwner)} is implemented.
	 * @return {@code false} by default
	 */
	default boolean bindsUploads() {
		return false;
	}

}
