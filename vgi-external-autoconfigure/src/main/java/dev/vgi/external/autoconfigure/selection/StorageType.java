package dev.vgi.external.autoconfigure.selection;

/**
 * Which storage backend is used.
 */
public enum StorageType {

	/**
	 * The backend whose bucket is set; without one, a local folder, or none if there is
	 * no web server.
	 */
	AUTO,

	/** A folder of this machine. */
	LOCAL,

	/** Amazon S3 or a compatible store. */
	S3,

	/** Google Cloud Storage. */
	GCS,

	/** No storage: pointers are resolved but never made. */
	NONE

}
