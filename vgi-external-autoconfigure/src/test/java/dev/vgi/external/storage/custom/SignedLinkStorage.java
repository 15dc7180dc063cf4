package dev.vgi.external.storage.custom;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Instant;
import java.util.Base64;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.storage.SignedUrlSettings;
import dev.vgi.external.storage.SignedUrlStorage;
import dev.vgi.external.transport.StorageTransport;

/**
 * Any HTTP server that takes links signed with a secret it shares with this service.
 */
public final class SignedLinkStorage extends SignedUrlStorage {

	private final SecretKeySpec secret;

	public SignedLinkStorage(StorageTransport transport, URI container, byte[] secret, Clock clock) {
		super("links", SignedUrlSettings.of(container, "expires", "Signature"), transport, clock);
		this.secret = new SecretKeySpec(secret, "HmacSHA256");
	}

	@Override
	protected URI sign(URI url, String method, Instant expires) {
		String key = url.getPath().substring(url.getPath().lastIndexOf('/') + 1);
		String signed = method + '\n' + key + '\n' + expires.getEpochSecond();
		try {
			Mac mac = Mac.getInstance("HmacSHA256");
			mac.init(this.secret);
			byte[] signature = mac.doFinal(signed.getBytes(StandardCharsets.UTF_8));
			return URI.create(url + "?expires=" + expires.getEpochSecond() + "&Signature="
					+ Base64.getUrlEncoder().withoutPadding().encodeToString(signature));
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
