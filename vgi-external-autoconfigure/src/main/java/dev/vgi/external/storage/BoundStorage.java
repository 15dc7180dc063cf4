package dev.vgi.external.storage;

import java.net.URI;

import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A storage that marks every object with its owner, so that pointers can be bound to
 * callers. Objects of nobody in particular have no mark. Thread-safe.
 */
public interface BoundStorage extends ExternalStorage, UploadUrlProvider {

	@Override
	default URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		return upload(payload, schema, contentCoding, ObjectOwner.nobody());
	}

	/**
	 * {@inheritDoc}
	 * @throws UploadRefusedException if the storage refuses it
	 * @throws dev.vgi.external.VgiExternalException if the storage cannot be reached or
	 * takes too long; nothing remains stored
	 */
	@Override
	URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner);

	@Override
	default UploadUrl generateUploadUrl(Schema schema) {
		return generateUploadUrl(schema, ObjectOwner.nobody());
	}

	/**
	 * {@inheritDoc}
	 * @throws dev.vgi.external.VgiExternalException if none can be signed
	 */
	@Override
	UploadUrl generateUploadUrl(Schema schema, ObjectOwner owner);

	@Override
	boolean admits(URI url, ObjectOwner owner);

	@Override
	default boolean bindsKeys() {
		return true;
	}

	@Override
	default boolean bindsUploads() {
		return true;
	}

}
