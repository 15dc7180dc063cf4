package dev.vgi.external.storage.local;

import java.nio.file.Path;

import dev.vgi.external.transport.StorageUnavailableException;

/**
 * The folder of a local store, or the signing key in it, is accessible to other users of
 * the machine, who could read or replace stored objects.
 */
public class UnsafeFolderException extends StorageUnavailableException {

	private final Path path;

	private final String remedy;

	/**
	 * Create an error.
	 * @param path the folder or file
	 * @param problem what is wrong with it, as the rest of a sentence that starts with
	 * its path
	 * @param remedy what to do about it, as a sentence
	 */
	UnsafeFolderException(Path path, String problem, String remedy) {
		super("The local store does not use " + path + ": it " + problem, 0, null);
		this.path = path;
		this.remedy = remedy;
	}

	/**
	 * Return the folder or file that others can access.
	 * @return the folder or its key file
	 */
	public Path path() {
		return this.path;
	}

	/**
	 * Return how to fix the problem.
	 * @return one or more sentences
	 */
	public String remedy() {
		return this.remedy;
	}

}
