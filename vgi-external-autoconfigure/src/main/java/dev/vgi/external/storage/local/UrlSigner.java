package dev.vgi.external.storage.local;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.transport.ExplainedException;
import dev.vgi.external.transport.StorageUnavailableException;

/**
 * Signs a method, an object and an expiry with the key of a folder. Thread-safe.
 */
final class UrlSigner {

	static final String KEY_FILE = ".signing-key";

	private static final String ALGORITHM = "HmacSHA256";

	private static final int KEY_LENGTH = 32;

	private final SecretKeySpec key;

	private UrlSigner(byte[] key) {
		this.key = new SecretKeySpec(key, ALGORITHM);
	}

	/**
	 * Use the key of a folder. The first process that needs it generates it. If several
	 * start at once, one of their keys wins and all of them use it.
	 * @param directory the existing folder
	 * @param random source of a new key
	 * @return the signer
	 * @throws UnsafeFolderException if others own the key or may read it
	 * @throws IOException if the key can neither be read nor written, or is invalid
	 */
	static UrlSigner of(StoreDirectory directory, SecureRandom random) throws IOException {
		byte[] generated = new byte[KEY_LENGTH];
		random.nextBytes(generated);
		new UrlSigner(generated).keep(directory);
		Path file = directory.resolve(KEY_FILE);
		if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || Files.size(file) != KEY_LENGTH) {
			throw new ExplainedException("the file " + KEY_FILE + " of the folder is not a signing key");
		}
		directory.checkSecret(file);
		return new UrlSigner(Files.readAllBytes(file));
	}

	/**
	 * Make the folder and its key again if they are gone: cleaners of temporary folders
	 * may delete a folder that is still in use.
	 * @param directory the folder
	 * @throws StorageUnavailableException if another one has taken its place
	 * @throws IOException if it cannot be used
	 */
	void restore(StoreDirectory directory) throws IOException {
		try {
			directory.make();
			keep(directory);
		}
		catch (UnsafeFolderException ex) {
			// Callers read this message: it must not tell where the folder is.
			throw new StorageUnavailableException("Another folder has taken the place of the one of "
					+ "'vgi.external.local.directory', and other users may write to it", 0, ex);
		}
	}

	/**
	 * Write the key into the folder if there is none, so that a restart finds it.
	 * @param directory the existing folder
	 * @throws IOException if it cannot be written
	 */
	void keep(StoreDirectory directory) throws IOException {
		Path file = directory.resolve(KEY_FILE);
		if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
			return;
		}
		Path draft = directory.temporary();
		try {
			try (FileChannel channel = directory.open(draft)) {
				channel.write(ByteBuffer.wrap(this.key.getEncoded()));
			}
			publish(draft, file);
		}
		finally {
			Files.deleteIfExists(draft);
		}
	}

	private static void publish(Path draft, Path file) throws IOException {
		// A link appears with its whole content and never replaces another's key.
		try {
			Files.createLink(file, draft);
		}
		catch (FileAlreadyExistsException ex) {
			// Another process was faster: its key is used.
		}
		catch (UnsupportedOperationException | FileSystemException ex) {
			if (ex instanceof NoSuchFileException) {
				throw (NoSuchFileException) ex;
			}
			try {
				Files.move(draft, file);
			}
			catch (FileAlreadyExistsException faster) {
				// As above.
			}
		}
	}

	/**
	 * Sign a URL.
	 * @param method the HTTP method that the URL is for
	 * @param key the object's key
	 * @param expires seconds of the epoch after which the URL stops working
	 * @return the signature, which needs no encoding in a query
	 */
	String sign(String method, String key, long expires) {
		return Base64.getUrlEncoder().withoutPadding().encodeToString(mac(method + '\n' + key + '\n' + expires));
	}

	/**
	 * Create a pseudonym for a caller, which reveals nothing to those who do not know the
	 * key.
	 * @param caller name of the caller
	 * @return always the same 8 hex digits, not all of them 0
	 */
	String pseudonym(String caller) {
		String digits = HexFormat.of().formatHex(mac("caller\n" + caller), 0, 4);
		return digits.equals("00000000") ? "00000001" : digits;
	}

	private byte[] mac(String text) {
		try {
			Mac mac = Mac.getInstance(ALGORITHM);
			mac.init(this.key);
			return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException("Every Java platform has " + ALGORITHM, ex);
		}
	}

	/**
	 * Compare a signature in constant time.
	 * @param method the method of the request
	 * @param key the object's key
	 * @param expires the expiry in the URL
	 * @param signature the signature in the URL
	 * @return whether it is valid
	 */
	boolean isValid(String method, String key, long expires, String signature) {
		return MessageDigest.isEqual(sign(method, key, expires).getBytes(StandardCharsets.UTF_8),
				signature.getBytes(StandardCharsets.UTF_8));
	}

}
