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

}
