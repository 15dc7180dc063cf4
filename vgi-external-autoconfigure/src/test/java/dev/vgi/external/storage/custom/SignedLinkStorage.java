package dev.vgi.external.storage.custom;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.Payload;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transport.Deadline;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Any HTTP server that takes links signed with a secret it shares with this service.
 */
public final class SignedLinkStorage implements ExternalStorage, UploadUrlProvider {

	private static final Duration EXPIRY = Duration.ofHours(1);

	private final StorageTransport transport;

	private final String server;

	private final byte[] secret;

	private final Clock clock;

	public SignedLinkStorage(StorageTransport transport, String server, byte[] secret, Clock clock) {
		this.transport = transport;
		this.server = server;
		this.secret = secret.clone();
		this.clock = clock;
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
		String key = newKey();
		try (Payload.Part all = payload.next(Payload.LARGEST_PART)) {
			if (all == null || !all.isLast()) {
				throw new UploadRefusedException("The link server takes one request of at most 1 GiB", null);
			}
			put(link("PUT", key), all, (contentCoding != null) ? Map.of("Content-Encoding", contentCoding) : Map.of());
		}
		return link("GET", key);
	}

	private void put(URI link, RequestBody body, Map<String, String> headers) {
		try (StorageResponse response = this.transport.put(link, body, headers, UrlValidator.acceptAll(),
				Deadline.in(Duration.ofMinutes(1)))) {
			check(response.status(), 200, 201, 204);
		}
	}

	@Override
	public UploadUrl generateUploadUrl(Schema schema) {
		String key = newKey();
		return new UploadUrl(link("PUT", key), link("GET", key), expiry());
	}

	@Override
	public boolean isOwn(URI url) {
		return Pattern.matches(
				Pattern.quote(this.server) + "/[0-9a-f]{32}\\.arrow\\?expires=[0-9]+&signature=[A-Za-z0-9_-]+",
				url.toString());
	}

	@Override
	public @Nullable Instant expiresAt(URI url) {
		Matcher expires = Pattern.compile("\\?expires=([0-9]+)&").matcher(url.toString());
		return expires.find() ? Instant.ofEpochSecond(Long.parseLong(expires.group(1))) : null;
	}

	@Override
	public void verifyReachable() {
		try (StorageResponse response = this.transport.get(link("GET", newKey()), null, null, UrlValidator.acceptAll(),
				0, Deadline.in(Duration.ofSeconds(5)))) {
			check(response.status(), 404);
		}
	}

	@Override
	public String name() {
		return "links";
	}

	private static void check(int status, int... expected) {
		for (int each : expected) {
			if (status == each) {
				return;
			}
		}
		throw new StorageUnavailableException("The link server answered " + status + ": check 'links.secret'", status,
				null);
	}

	private static String newKey() {
		return UUID.randomUUID().toString().replace("-", "") + ".arrow";
	}

	private Instant expiry() {
		return this.clock.instant().plus(EXPIRY);
	}

	private URI link(String method, String key) {
		long expires = expiry().getEpochSecond();
		try {
			Mac mac = Mac.getInstance("HmacSHA256");
			mac.init(new SecretKeySpec(this.secret, "HmacSHA256"));
			byte[] signature = mac.doFinal((method + '\n' + key + '\n' + expires).getBytes(StandardCharsets.UTF_8));
			return URI.create(this.server + '/' + key + "?expires=" + expires + "&signature="
					+ Base64.getUrlEncoder().withoutPadding().encodeToString(signature));
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException(ex);
		}
	}

}
