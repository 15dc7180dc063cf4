package dev.vgi.external.storage;

/**
 * For whom objects are stored: a caller, or all callers of a tenant. A storage puts what
 * is made of it into the keys of the objects, and recognises it there. Thread-safe, since
 * objects are stored by several threads; neither method does I/O.
 */
public interface ObjectOwner {

	/**
	 * Return what marks an object as this owner's.
	 * @param id 32 hexadecimal digits, the random part of the object's key
	 * @return 32 lower-case hexadecimal digits, which nobody without the service's keys
	 * can compute; empty if the key gets no mark
	 */
	String mark(String id);

	/**
	 * Return whether an object was stored for this owner.
	 * @param id 32 hexadecimal digits, from anywhere
	 * @param mark the mark in the same key, from anywhere; empty if it has none
	 * @return whether it is this owner's; compared in constant time
	 */
	boolean owns(String id, String mark);

	/**
	 * Return the owner of objects that nobody may send back.
	 * @return marks nothing and owns nothing
	 */
	static ObjectOwner nobody() {
		return NobodyOwner.INSTANCE;
	}

}
