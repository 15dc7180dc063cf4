package dev.vgi.external.storage.local;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;

import dev.vgi.external.storage.ObjectOwner;
import org.jspecify.annotations.Nullable;

import org.springframework.util.FileSystemUtils;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedUrls {

	/** Two hours before all URLs expire. */
	private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

	private static final URI BASE = URI.create("https://service.example/app");

	private final LocalUrls urls;

	/**
	 * Create URLs with a new key.
	 * @throws IOException if there is no folder for it
	 */
	public FuzzedUrls() throws IOException {
		Path folder = Files.createTempDirectory("vgi-fuzz");
		try {
			UrlSigner signer = UrlSigner.of(StoreDirectory.of(folder.resolve("store"), false), new SecureRandom());
			this.urls = new LocalUrls(signer, () -> BASE, Clock.fixed(NOW, ZoneOffset.UTC));
		}
		finally {
			FileSystemUtils.deleteRecursively(folder);
		}
	}

	public String sign(String key) {
		return this.urls.sign(BASE, LocalUrls.GET, key, NOW.getEpochSecond() + 7200).toString();
	}

	public @Nullable String ownKey(URI url) {
		SignedKey signed = SignedKey.of(url);
		if (signed != null) {
			this.urls.check(LocalUrls.GET, signed.key(), Long.toString(signed.expires()), signed.signature());
		}
		return this.urls.ownKey(url);
	}

	public boolean admits(URI url, ObjectOwner owner) {
		return this.urls.admits(url, owner);
	}

	public String check(String key, @Nullable String expires, @Nullable String signature) {
		return this.urls.check(LocalUrls.PUT, key, expires, signature);
	}

}
