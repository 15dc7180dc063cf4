package dev.vgi.external.storage.local;

import java.nio.file.Path;

import dev.vgi.external.transport.StorageUnavailableException;

/**
 * The folder of a local store, or the signing key in it, is open to other users of the
 * machine: what is stored there would be theirs to read or to replace.
 */
public class UnsafeFolderException extends StorageUnavailableException {

	private final Path path;

	private final String remedy;

	/**
	 * Create an error.
	 * @param path the folder or file
	 * @param problem what is wrong with it, to go on after its name
	 * @param remedy what to do about it, as a sentence
	 */
	UnsafeFolderException(Path path, String problem, String remedy) {
		super("The local store does not use " + path + ": it " + problem, 0, null);
		this.path = path;
		this.remedy = remedy;
	}

	/**
	 * Return what is open to others.
	 * @return the folder or its key file
	 */
	public Path path() {
		return this.path;
	}

	/**
	 * Return what helps.
	 * @return one or more sentences
	 */
	public String remedy() {
		return this.remedy;
	}

}
