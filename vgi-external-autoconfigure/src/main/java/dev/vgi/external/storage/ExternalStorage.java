package dev.vgi.external.storage;

import java.net.URI;
import java.time.Instant;

import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A storage for oversized batches. Thread-safe: uploads run concurrently. Never deletes
 * an object whose URL was returned; the bucket's lifecycle rules do that (for a folder,
 * its retention).
 */
public interface ExternalStorage {

	/**
	 * Store a complete Arrow IPC stream as a new object.
	 * @param payload the bytes to store; borrowed until this returns; of unknown length
	 * only if {@link #takesUnknownLength()}
	 * @param schema the stream's schema, as a hint
	 * @param contentCoding the coding of the bytes, stored with the object and returned
	 * as {@code Content-Encoding}; or {@code null} for none
	 * @return an absolute URL, usually signed for GET, that serves the object
	 * @throws UploadRefusedException if the storage refuses it
	 * @throws dev.vgi.external.VgiExternalException if the storage cannot be reached or
	 * takes too long; nothing remains stored
	 */
	URI upload(Payload payload, Schema schema, @Nullable String contentCoding);

	/**
	 * Store a complete Arrow IPC stream as a new object of an owner, whose
	 * {@linkplain ObjectOwner#mark mark} its key contains.
	 * @param payload as for {@link #upload(Payload, Schema, String)}
	 * @param schema as well
	 * @param contentCoding as well
	 * @param owner for whom the object is stored
	 * @return an absolute URL, usually signed for GET, that serves the object
	 * @throws UnsupportedOperationException by default, unless the owner is
	 * {@link ObjectOwner#nobody()}
	 */
	default URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner) {
		if (owner == ObjectOwner.nobody()) {
			return upload(payload, schema, contentCoding);
		}
		throw new UnsupportedOperationException("The storage '" + name() + "' does not mark objects with their owners");
	}

	/**
	 * Return whether {@link #upload(Payload, Schema, String, ObjectOwner)} and
	 * {@link #admits} are implemented.
	 * @return {@code false} by default: pointers to objects of this storage cannot be
	 * bound to callers
	 */
	default boolean bindsKeys() {
		return false;
	}

	/**
	 * Return whether a URL may be used for an owner, as far as this storage can tell.
	 * Does no I/O.
	 * @param url an absolute URL from anywhere
	 * @param owner who sent it
	 * @return {@code false} if it leads to an object of this storage, however the URL is
	 * spelled and whether or not it is signed, that was not stored for this owner;
	 * {@code true} for every URL of somebody else; by default whether it is not
	 * {@linkplain #isOwn one of this storage}
	 */
	default boolean admits(URI url, ObjectOwner owner) {
		return !isOwn(url);
	}

	/**
	 * Return whether {@link #upload} accepts a payload whose {@link Payload#maxLength()}
	 * is {@link Payload#UNKNOWN_LENGTH}: a stream that is produced while it is uploaded.
	 * Such an upload may take as long as the stream. A storage that accepts it limits
	 * each of its requests instead of the whole, and bounds its memory by taking parts.
	 * @return {@code false} by default: what has no known length does not reach this
	 * storage
	 */
	default boolean takesUnknownLength() {
		return false;
	}

	/**
	 * Return whether this storage could have vended a download URL: it points below its
	 * own bucket and key prefix, and has a signature.
	 * @param url an absolute URL from anywhere
	 * @return {@code false} for every other URL; {@code true} does not mean that the
	 * signature is valid
	 */
	boolean isOwn(URI url);

	/**
	 * Return when a download URL stops working, as far as the URL itself tells. Published
	 * batches are published again before that. Does no I/O.
	 * @param url a URL for which {@link #isOwn} holds
	 * @return the moment, or {@code null} if it never does or this is unknown
	 */
	default @Nullable Instant expiresAt(URI url) {
		return null;
	}

	/**
	 * Return whether {@link #signAgain} is implemented.
	 * @return {@code false} by default: the pointers to objects of this storage are not
	 * renewable
	 */
	default boolean signsAgain() {
		return false;
	}

	/**
	 * Return what {@link #signAgain} needs to make a new URL for an object. Does no I/O.
	 * @param url an absolute URL from anywhere, expired or not
	 * @return the object's key, at most 1,024 bytes of UTF-8; {@code null} if the URL is
	 * not one of this storage's, or if this storage does not sign again
	 */
	default @Nullable String renewableKey(URI url) {
		return null;
	}

	/**
	 * Sign a new download URL of an object that was stored earlier, perhaps by another
	 * process, after making sure that it is still there. Does I/O, bounded in time.
	 * @param key what {@link #renewableKey} returned; only keys of this storage's own
	 * prefix are signed, whoever gave them
	 * @return the URL, which works as long as that of a new object
	 * @throws ObjectGoneException if there is no such object, or no longer
	 * @throws dev.vgi.external.VgiExternalException if the storage cannot be reached or
	 * takes too long
	 * @throws UnsupportedOperationException by default
	 */
	default URI signAgain(String key) {
		throw new UnsupportedOperationException("The storage '" + name() + "' cannot sign an object again");
	}

	/**
	 * Open an object of this storage without HTTP.
	 * @param url a URL for which {@link #isOwn} holds
	 * @return the object, which the caller closes; or {@code null} if it has to be
	 * fetched over HTTP
	 * @throws dev.vgi.external.VgiExternalException if the URL's signature is wrong or
	 * expired, or there is no such object
	 */
	default @Nullable StoredObject open(URI url) {
		return null;
	}

	/**
	 * Return what failed uploads have left behind and is still to be removed, for metrics
	 * and for a last try when the application shuts down.
	 * @return the leftovers, or {@code null} if there never are any
	 */
	default @Nullable Leftovers leftovers() {
		return null;
	}

	/**
	 * Check that the storage responds, for the health contribution. Creates nothing.
	 * @throws dev.vgi.external.VgiExternalException if it does not
	 */
	default void verifyReachable() {
	}

	/**
	 * Return the location of the objects, for the log at startup.
	 * @return such as {@code s3://bucket/prefix/}, without secrets
	 */
	default String describe() {
		return "the storage " + name();
	}

	/**
	 * Return the backend's name, for metrics and health.
	 * @return such as {@code s3}; from a closed set
	 */
	String name();

}
