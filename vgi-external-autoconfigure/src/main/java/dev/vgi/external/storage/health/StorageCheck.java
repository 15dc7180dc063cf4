package dev.vgi.external.storage.health;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Checks everything that transfers depend on: the SDK's access to the storage; a signed
 * URL of a missing object, requested through the transport, whose response also tells the
 * storage's clock; the rules of the bucket; and, only if configured, an object that is
 * stored and fetched. Takes as long as the storage does. Only the finding about the rules
 * is cached.
 */
public final class StorageCheck {

	private static final Schema NO_FIELDS = new Schema(List.of());

	private static final int MAX_REDIRECTS = 5;

	private static final int LONGEST_ERROR_BODY = 8192;

	private static final Pattern CODE = Pattern.compile("<Code>([A-Za-z0-9.]{1,64})</Code>");

	private final ExternalStorage storage;

	private final StorageTransport transport;

	private final @Nullable LifecycleMonitor lifecycle;

	private final boolean writeProbe;

	private final Duration timeout;

	private final Clock clock;

	/**
	 * Create a check.
	 * @param storage the storage to check
	 * @param transport the transport of transfers
	 * @param lifecycle checks the rules, or {@code null} to leave them out
	 * @param writeProbe whether to store an object
	 * @param timeout longest time for a request that this class sends
	 * @param clock compared with the storage's clock
	 */
	public StorageCheck(ExternalStorage storage, StorageTransport transport, @Nullable LifecycleMonitor lifecycle,
			boolean writeProbe, Duration timeout, Clock clock) {
		this.storage = storage;
		this.transport = transport;
		this.lifecycle = lifecycle;
		this.writeProbe = writeProbe;
		this.timeout = timeout;
		this.clock = clock;
	}

	/**
	 * Return the name of the checked storage.
	 * @return its name
	 */
	public String storageName() {
		return this.storage.name();
	}

	/**
	 * Run the check.
	 * @return up or down, with details; without secrets
	 */
	public StorageReport run() {
		Map<String, Object> details = new LinkedHashMap<>();
		details.put("storage", this.storage.name());
		boolean up = true;
		try {
			this.storage.verifyReachable();
			// The folder's URLs lead to this service itself, by a host that only a
			// request tells.
			if (this.storage instanceof UploadUrlProvider signer && !(this.storage instanceof LocalStorage)) {
				requestSignedUrl(signer.generateUploadUrl(NO_FIELDS).downloadUrl(), details);
			}
			if (this.writeProbe) {
				details.put("writeProbe", storeAndFetch());
			}
		}
		catch (VgiExternalException ex) {
			up = false;
			details.put("kind", ex.kind().code());
			details.put("reason", String.valueOf(ex.getMessage()));
		}
		if (this.lifecycle != null) {
			Finding finding = this.lifecycle.current();
			details.put("lifecycle", finding.verdict().name().toLowerCase(Locale.ROOT));
			if (finding.verdict() != Verdict.COVERED) {
				details.put("lifecycleRule", finding.detail());
			}
		}
		return new StorageReport(up, details);
	}

	private void requestSignedUrl(URI url, Map<String, Object> details) {
		Instant before = this.clock.instant();
		try (StorageResponse response = this.transport.get(url, null, null, UrlValidator.acceptAll(), MAX_REDIRECTS,
				Deadline.in(this.timeout))) {
			Instant theirs = ClockSkew.time(response.header("Date"));
			if (theirs != null) {
				tellSkew(theirs, before, details);
			}
			judge(response, details);
		}
	}

	private void tellSkew(Instant theirs, Instant before, Map<String, Object> details) {
		// The header has whole seconds, and was written between the two readings of the
		// clock.
		Instant after = this.clock.instant();
		long skew = 0;
		if (theirs.isAfter(after)) {
			skew = after.getEpochSecond() - theirs.getEpochSecond();
		}
		else if (theirs.plusSeconds(1).isBefore(before)) {
			skew = before.getEpochSecond() - theirs.getEpochSecond();
		}
		details.put("clockSkew", Duration.ofSeconds(skew));
	}

	private void judge(StorageResponse response, Map<String, Object> details) {
		int status = response.status();
		if (status / 100 == 2 || status == 404) {
			details.put("signedUrls", "accepted");
			return;
		}
		Matcher matcher = CODE.matcher(errorBody(response));
		String code = matcher.find() ? matcher.group(1) : "";
		String answer = "status " + status + (code.isEmpty() ? "" : " " + code);
		// Without the permission to list, this is the response for a missing object.
		if (status != 403 || !(code.isEmpty() || code.equals("AccessDenied"))) {
			throw new StorageUnavailableException("The storage refuses a signed URL (" + answer + ")", status, null);
		}
		String skew = ClockSkew.note(response.header("Date"), this.clock.instant());
		details.put("signedUrls", "unknown (" + answer + "): reading or listing is not allowed"
				+ ((skew != null) ? ", or a clock is wrong: " + skew : ""));
	}

	private static String errorBody(StorageResponse response) {
		ByteBuffer body = ByteBuffer.allocate(LONGEST_ERROR_BODY);
		while (body.hasRemaining() && response.read(body) >= 0) {
			// The error document is short, or is not an error document.
		}
		return new String(body.array(), 0, body.position(), StandardCharsets.UTF_8);
	}

	private String storeAndFetch() {
		ProbePayload payload = new ProbePayload();
		URI url = this.storage.upload(payload, NO_FIELDS, null);
		if (!payload.isContentOf(this.storage, this.transport, url, Deadline.in(this.timeout))) {
			throw new StorageUnavailableException("What was stored is not what is fetched", 0, null);
		}
		return "stored and fetched";
	}

}
