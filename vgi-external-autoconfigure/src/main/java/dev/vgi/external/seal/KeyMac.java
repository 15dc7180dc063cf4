package dev.vgi.external.seal;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.Internal;
import dev.vgi.external.storage.ObjectOwner;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Marks the keys of objects with whom they were stored for: the first 128 bits of an
 * HMAC-SHA256 over the owner and the random part of the key. Nothing of the process or
 * the service is in it, so that all that share the token keys understand each other's.
 * Thread-safe.
 */
@Internal
public final class KeyMac {

	private static final int BYTES = 16;

	private final String kind;

	private final List<SecretKeySpec> keys;

	/**
	 * Create an instance.
	 * @param kind what the names of owners are, such as {@code principal}: owners of
	 * another kind with the same name are others
	 * @param keys the first one marks, all of them recognise; at least one
	 */
	public KeyMac(String kind, List<TokenKey> keys) {
		Assert.notEmpty(keys, "'keys' must not be empty");
		this.kind = kind;
		this.keys = keys.stream().map(TokenKey::deriveForMarks).toList();
	}

	/**
	 * Return an owner.
	 * @param name its name, or {@code null} for the one that has none
	 * @return what marks and recognises its objects
	 */
	public ObjectOwner owner(@Nullable String name) {
		return new Named(this.keys, Sealer.bytes(List.of(this.kind, Sealer.caller(name))));
	}

	/**
	 * An owner with a name, or the one without.
	 *
	 * @param keys the first one marks
	 * @param identity what the owner is, with the lengths of its parts
	 */
	private record Named(List<SecretKeySpec> keys, byte[] identity) implements ObjectOwner {

		@Override
		public String mark(String id) {
			return mark(this.keys.get(0), id);
		}

		@Override
		public boolean owns(String id, String mark) {
			boolean owns = false;
			for (SecretKeySpec key : this.keys) {
				owns |= MessageDigest.isEqual(mark(key, id).getBytes(StandardCharsets.UTF_8),
						mark.getBytes(StandardCharsets.UTF_8));
			}
			return owns;
		}

		private String mark(SecretKeySpec key, String id) {
			try {
				Mac mac = Mac.getInstance(key.getAlgorithm());
				mac.init(key);
				mac.update(this.identity);
				return HexFormat.of().formatHex(mac.doFinal(id.getBytes(StandardCharsets.UTF_8)), 0, BYTES);
			}
			catch (GeneralSecurityException ex) {
				throw new IllegalStateException(key.getAlgorithm() + " is not available", ex);
			}
		}

		/** The text must not show who it is. */
		@Override
		public String toString() {
			return "ObjectOwner[******]";
		}

	}

}
