package dev.vgi.external.storage;

import java.net.URI;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.ClockSkew;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.AbsoluteUrl;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Base class of a storage on any HTTP server that accepts PUT and GET requests for signed
 * URLs. A subclass only has to sign. An object is stored by one request, so it has at
 * most 1 GiB. Thread-safe if signing is.
 */
public abstract class SignedUrlStorage implements BoundStorage {

	private static final Duration SHORT_TIMEOUT = Duration.ofSeconds(5);

	private static final Pattern ANY_NAME = Pattern.compile("[0-9a-fA-F]{32,}[^/]*");

	private final String name;

	private final SignedUrlSettings settings;

	private final String base;

	private final Pattern own;

	private final Pattern signed;

	private final Pattern expires;

	private final StorageTransport transport;

	private final Clock clock;

	private final RetryPolicy attempts;

	private final Leftovers leftovers;

	/**
	 * Create a storage.
	 * @param name for metrics and health, from a closed set
	 * @param settings where objects are stored and how long URLs work
	 * @param transport sends the requests; closed by its owner
	 * @param clock decides on expiry
	 */
	protected SignedUrlStorage(String name, SignedUrlSettings settings, StorageTransport transport, Clock clock) {
		this(name, settings, transport, clock,
				new RetryPolicy(settings.maxRetries(), settings.retryDelay(), transport));
	}

	SignedUrlStorage(String name, SignedUrlSettings settings, StorageTransport transport, Clock clock,
			RetryPolicy attempts) {
		Assert.hasText(name, "'name' must not be empty");
		this.name = name;
		this.settings = settings;
		this.transport = transport;
		this.clock = clock;
		this.attempts = attempts;
		this.leftovers = new Leftovers(RedactedUrl.of(settings.container()),
				"whatever deletes old objects there has to delete them", transport.timer(), TransferThreads.platform());
		String container = settings.container().toString();
		this.base = container.endsWith("/") ? container : container + '/';
		this.own = Pattern.compile(Pattern.quote(this.base) + ObjectKey.PATTERN + "\\?[^#]*+");
		this.signed = Pattern.compile("[?&]" + Pattern.quote(settings.signatureParameter()) + "=[^&#]");
		this.expires = Pattern.compile("[?&]" + Pattern.quote(settings.expiresParameter()) + "=([^&#]+)");
	}

	/**
	 * Sign a URL. Does no I/O, except perhaps to obtain credentials. Runs on a thread
	 * that is interrupted if it takes too long. An exception that is not one of this
	 * library's counts as unavailable storage and is retried.
	 * @param url location of an object, without a query
	 * @param method the only method that the URL may work for: {@code GET}, {@code PUT}
	 * or, for what a failed upload may have left behind, {@code DELETE}
	 * @param expires when it stops working, in whole seconds
	 * @return the same URL with a query that contains both parameters of the settings
	 * @throws dev.vgi.external.VgiExternalException if it cannot be signed
	 */
	protected abstract URI sign(URI url, String method, Instant expires);

	/**
	 * Return the headers that the server requires for this service's own uploads, in
	 * addition to type, length and coding.
	 * @return none by default
	 */
	protected Map<String, String> uploadHeaders() {
		return Map.of();
	}

	@Override
	public final URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner) {
		if (payload.maxLength() == Payload.UNKNOWN_LENGTH) {
			throw new UploadRefusedException("The storage '" + this.name
					+ "' stores an object with one request and has to know its length beforehand", null);
		}
		return new Upload(contentCoding, owner).run(payload, Payload.LARGEST_PART);
	}

	private URI signed(URI object, String method, Instant expires, Deadline deadline) {
		try {
			return BoundedCall.run("What signs for the storage '" + this.name + "'", deadline,
					() -> sign(object, method, expires));
		}
		catch (ExecutionException ex) {
			if (ex.getCause() instanceof VgiExternalException known) {
				throw known;
			}
			throw new StorageUnavailableException(
					"The storage '" + this.name + "' cannot sign a URL at the moment (" + FailureReason.of(ex) + ")", 0,
					null);
		}
	}

	private StorageUnavailableException unavailable(StorageResponse response) {
		return StorageUnavailableException.answered(answered(response), response);
	}

	private String answered(StorageResponse response) {
		int status = response.status();
		String answer = "The storage '" + this.name + "' at " + this.base + " answered " + status;
		if (status != 401 && status != 403) {
			return answer;
		}
		String skew = ClockSkew.note(response.header("Date"), this.clock.instant());
		return answer + ": it does not take the signature" + ((skew != null) ? "; " + skew : "");
	}

	@Override
	public final UploadUrl generateUploadUrl(Schema schema, ObjectOwner owner) {
		URI object = newObject(owner);
		Instant expires = expiry();
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		URI put = this.attempts.run(deadline, (failures) -> signed(object, "PUT", expires, deadline));
		URI get = this.attempts.run(deadline, (failures) -> signed(object, "GET", expires, deadline));
		return new UploadUrl(put, get, expires);
	}

	/**
	 * Goes by the host and by what in the path looks like an object's name: it is not
	 * known which other spellings of a path the server understands.
	 */
	@Override
	public final boolean admits(URI url, ObjectOwner owner) {
		String host = AbsoluteUrl.canonicalHost(url.getHost());
		if (host == null || !host.equals(AbsoluteUrl.canonicalHost(this.settings.container().getHost()))) {
			return true;
		}
		Matcher name = ANY_NAME.matcher(String.valueOf(url.getPath()));
		boolean admitted = true;
		while (name.find()) {
			admitted &= ObjectKey.isOf(name.group(), owner);
		}
		return admitted;
	}

	@Override
	public final boolean isOwn(URI url) {
		String text = url.toString();
		return this.own.matcher(text).matches() && this.signed.matcher(text).find();
	}

	@Override
	public final boolean signsAgain() {
		return true;
	}

	@Override
	public final @Nullable String renewableKey(URI url) {
		return isOwn(url) ? url.toString().replaceFirst("\\?.*", "").substring(this.base.length()) : null;
	}

	@Override
	public final URI signAgain(String key) {
		if (!ObjectKey.matches(key)) {
			throw new ObjectGoneException();
		}
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		return this.attempts.run(deadline, (failures) -> signAgain(key, deadline));
	}

	private URI signAgain(String key, Deadline deadline) {
		URI url = signed(URI.create(this.base + key), "GET", expiry(), deadline);
		try (StorageResponse response = this.transport.get(url, Confirmation.FIRST_BYTE, null, UrlValidator.acceptAll(),
				0, deadline)) {
			if (response.status() == 404 || response.status() == 410) {
				throw new ObjectGoneException();
			}
			if (!Confirmation.isGivenBy(response)) {
				throw unavailable(response);
			}
			return url;
		}
	}

	@Override
	public final @Nullable Instant expiresAt(URI url) {
		Matcher parameter = this.expires.matcher(url.toString());
		if (!parameter.find()) {
			return null;
		}
		// Parameters are often percent-encoded, and an instant contains colons.
		String value = parameter.group(1).replaceAll("(?i)%3A", ":");
		try {
			return value.matches("[0-9]{1,12}") ? Instant.ofEpochSecond(Long.parseLong(value)) : Instant.parse(value);
		}
		catch (DateTimeException ex) {
			return null;
		}
	}

	/**
	 * Request an object that does not exist.
	 * @throws StorageUnavailableException if the response says anything else
	 */
	@Override
	public final void verifyReachable() {
		Deadline deadline = Deadline.in(SHORT_TIMEOUT);
		URI url = this.attempts.run(deadline,
				(failures) -> signed(newObject(ObjectOwner.nobody()), "GET", expiry(), deadline));
		try (StorageResponse response = this.transport.get(url, null, null, UrlValidator.acceptAll(), 0, deadline)) {
			if (response.status() != 404) {
				throw unavailable(response);
			}
		}
	}

	@Override
	public final Leftovers leftovers() {
		return this.leftovers;
	}

	@Override
	public final String name() {
		return this.name;
	}

	private URI newObject(ObjectOwner owner) {
		return URI.create(this.base + ObjectKey.random(null, owner));
	}

	private Instant expiry() {
		return Instant.ofEpochSecond(this.clock.instant().plus(this.settings.expiry()).getEpochSecond());
	}

	/**
	 * The upload of one object.
	 */
	private final class Upload extends ObjectUpload {

		private final URI object;

		private final Map<String, String> headers = new LinkedHashMap<>(uploadHeaders());

		Upload(@Nullable String contentCoding, ObjectOwner owner) {
			super(SignedUrlStorage.this.attempts, SignedUrlStorage.this.settings.timeout(),
					SignedUrlStorage.this.leftovers);
			this.object = newObject(owner);
			this.headers.put("Content-Type", ArrowMediaType.NAME);
			if (contentCoding != null) {
				this.headers.put("Content-Encoding", contentCoding);
			}
		}

		@Override
		protected void storeAtOnce(Payload.Part whole) {
			this.<@Nullable Void>whole((failures, deadline) -> put(whole, deadline));
		}

		private @Nullable Void put(Payload.Part whole, Deadline deadline) {
			try (StorageResponse response = SignedUrlStorage.this.transport.put(signed("PUT", deadline), whole,
					this.headers, UrlValidator.acceptAll(), deadline, requests().object(whole.length()))) {
				int status = response.status();
				if (status >= 500 || status == 408 || status == 429) {
					throw unavailable(response);
				}
				if (status < 200 || status >= 300) {
					throw new UploadRefusedException(answered(response), null);
				}
				response.discard();
				if (Confirmation.isGivenBy(response.header("ETag"))) {
					return null;
				}
			}
			// The URL for the confirmation may be refused.
			creates();
			Confirmation.ask(SignedUrlStorage.this.transport, signed("GET", deadline), whole.length(),
					UrlValidator.acceptAll(), deadline, requests().other(Purpose.CONFIRMATION));
			return null;
		}

		private URI signed(String method, Deadline deadline) {
			return SignedUrlStorage.this.signed(this.object, method, expiry(), deadline);
		}

		@Override
		protected void storeInParts(Payload.Part first, Payload payload, int partSize) {
			throw new UploadRefusedException(
					"The storage '" + SignedUrlStorage.this.name + "' takes one request of at most 1 GiB an object",
					null);
		}

		@Override
		protected URI signDownloadUrl(Deadline deadline) {
			return signed("GET", deadline);
		}

		@Override
		protected void delete(Deadline deadline) {
			try (StorageResponse response = SignedUrlStorage.this.transport.send("DELETE", signed("DELETE", deadline),
					TextBody.EMPTY, Map.of(), UrlValidator.acceptAll(), deadline, requests().other(Purpose.REMOVAL))) {
				int status = response.status();
				if (status >= 500 || status == 408 || status == 429) {
					throw unavailable(response);
				}
				if (status / 100 != 2 && status != 404) {
					throw new UploadRefusedException(answered(response), null);
				}
			}
		}

	}

}
