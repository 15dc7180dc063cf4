package dev.vgi.external.storage;

import dev.vgi.external.VgiExternalException;

/**
 * An object that was stored is there no longer, so no new link to it can be signed.
 */
public class ObjectGoneException extends VgiExternalException {

	/**
	 * Create an error that says no more than that.
	 */
	public ObjectGoneException() {
		this("There is no such object in storage, or no longer");
	}

	/**
	 * Create an error.
	 * @param message what happened, without secrets
	 */
	public ObjectGoneException(String message) {
		super(Kind.OBJECT_GONE, message, null);
	}

}
