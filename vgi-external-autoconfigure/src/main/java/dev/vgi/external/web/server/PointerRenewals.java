package dev.vgi.external.web.server;

import java.net.URI;
import java.security.Principal;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.PointerRenewal;
import dev.vgi.external.location.RenewalPath;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transport.LinkExpiredException;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Lets callers renew the links of the pointers that they were given. A pointer carries a
 * sealed token, which names the object and is worth nothing to another caller, and where
 * to send it: a path of this service. Thread-safe.
 * <p>
 * Callers are told apart by the name of their principal. All callers without one count as
 * the same caller.
 */
public final class PointerRenewals {

	private static final Log logger = LogFactory.getLog(PointerRenewals.class);

	/** What tokens are for. No other sealed text is bound to it. */
	private static final String USE = "RENEWAL";

	/** A token of the longest key is shorter. */
	private static final int MAX_TOKEN = 2048;

	private final ExternalStorage storage;

	private final Sealer sealer;

	private final String service;

	private final Duration maxAge;

	private final Function<HttpServletRequest, String> path;

	private final InstantSource clock;

	/** Returns what tokens are bound to besides the caller. */
	private final Function<HttpServletRequest, List<String>> group;

	/**
	 * Create renewals.
	 * @param storage signs its objects again
	 * @param keys the first one seals, all of them open; at least one
	 * @param service name of the service, the same in all of its processes: tokens of
	 * other services with the same keys are refused
	 * @param maxAge how long after it was written a pointer may be renewed
	 * @param path returns the path of {@link RenewUrlController}, as the sender of a
	 * request reaches it
	 * @param clock the current time
	 */
	public PointerRenewals(ExternalStorage storage, List<TokenKey> keys, String service, Duration maxAge,
			Function<HttpServletRequest, String> path, InstantSource clock) {
		this(storage, new Sealer(keys), service, maxAge, path, clock, (request) -> List.of());
	}

	private PointerRenewals(ExternalStorage storage, Sealer sealer, String service, Duration maxAge,
			Function<HttpServletRequest, String> path, InstantSource clock,
			Function<HttpServletRequest, List<String>> group) {
		Assert.isTrue(maxAge.toSeconds() > 0, "'maxAge' must be at least a second");
		this.storage = storage;
		this.sealer = sealer;
		this.service = service;
		this.maxAge = maxAge;
		this.path = path;
		this.clock = clock;
		this.group = group;
	}

	/**
	 * Return renewals whose tokens are bound to more than the name of the caller.
	 * @param group returns what else the tokens of a request's sender are bound to, such
	 * as its tenant
	 * @return renewals that share everything else
	 */
	public PointerRenewals inGroups(Function<HttpServletRequest, List<String>> group) {
		return new PointerRenewals(this.storage, this.sealer, this.service, this.maxAge, this.path, this.clock, group);
	}

	/**
	 * Return what makes the pointers of a response renewable, for the sender of the
	 * request only.
	 * @param request the request; not used any more once this has returned
	 * @return adds tokens to pointers to objects of the storage; {@code null} if this
	 * request has reached the service by a path that receivers would not accept
	 */
	public @Nullable PointerRenewal of(HttpServletRequest request) {
		String path = this.path.apply(request);
		if (!RenewalPath.matches(path)) {
			// Somebody may have spelled the context path in an unusual way.
			logger.debug("No pointer of this response can be renewed: its path is not one that receivers accept");
			return null;
		}
		List<String> binding = binding(request);
		return (location, sha256) -> metadata(location, sha256, binding, path);
	}

	private List<String> binding(HttpServletRequest request) {
		Principal principal = request.getUserPrincipal();
		List<String> binding = new ArrayList<>(List.of(USE, this.service, this.storage.name(),
				Sealer.caller((principal != null) ? principal.getName() : null)));
		binding.addAll(this.group.apply(request));
		return binding;
	}

	private BatchMetadata metadata(URI location, @Nullable String sha256, List<String> binding, String path) {
		String key = this.storage.renewableKey(location);
		Instant now = this.clock.instant();
		byte[] content = (key != null) ? new RenewalToken(key, sha256, now, now.plus(this.maxAge)).toBytes() : null;
		return (content != null) ? BatchMetadata.of(MetadataKeys.RENEWAL, this.sealer.seal(binding, content))
			.with(MetadataKeys.RENEWAL_PATH, path) : BatchMetadata.empty();
	}

	/**
	 * Renew a link.
	 * @param token the token of its pointer, from anywhere, or {@code null}
	 * @param request the request that contains it
	 * @return the new link
	 * @throws InvalidRenewalException if the token was not given to the sender of this
	 * request
	 * @throws LinkExpiredException if the pointer is too old
	 * @throws dev.vgi.external.storage.ObjectGoneException if the object was removed
	 */
	Link renew(@Nullable String token, HttpServletRequest request) {
		byte[] opened = (token != null && token.length() <= MAX_TOKEN) ? this.sealer.open(binding(request), token)
				: null;
		RenewalToken content = (opened != null) ? RenewalToken.from(opened) : null;
		if (content == null) {
			throw new InvalidRenewalException();
		}
		if (!content.isValid(this.clock.instant(), this.maxAge)) {
			throw new LinkExpiredException("The link cannot be renewed any more: its pointer is older than "
					+ this.maxAge.toSeconds() + " s, 'vgi.external.renewal.max-age'", null);
		}
		URI url = this.storage.signAgain(content.key());
		logger.debug("Renewed the link to the object " + content.key() + " with the digest " + content.sha256());
		return new Link(url, this.storage.expiresAt(url));
	}

	/**
	 * A fresh link.
	 *
	 * @param url the signed URL
	 * @param expiresAt when it stops working; {@code null} if it never does or this is
	 * unknown
	 */
	record Link(URI url, @Nullable Instant expiresAt) {

		/** The text must not show the signature. */
		@Override
		public String toString() {
			return "Link[expiresAt=" + this.expiresAt + "]";
		}

	}

}
