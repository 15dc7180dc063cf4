package dev.vgi.external.web.server;

import java.util.Locale;
import java.util.function.Supplier;

import dev.vgi.external.Internal;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.local.LocalStorage;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.server.PathContainer;
import org.springframework.util.function.SingletonSupplier;
import org.springframework.web.util.ServletRequestPathUtils;
import org.springframework.web.util.pattern.PathPattern;
import org.springframework.web.util.pattern.PathPatternParser;

/**
 * Knows which requests are for this library, by the path that Spring MVC matches: below
 * the context path and the dispatcher's own path, decoded, without path parameters, and
 * case-insensitively if the application allows that. Any other comparison of paths can be
 * circumvented by another spelling.
 */
@Internal
public final class ServedPaths {

	private static final String STORE_ROOT = LocalStorage.PATH.substring(1, LocalStorage.PATH.indexOf('/', 1));

	private final Supplier<Patterns> patterns;

	/**
	 * Create an instance for one application.
	 * @param prefix the prefix of all RPC routes, may be empty
	 * @param actuator the base path of Actuator's routes; empty if they have no path of
	 * their own
	 * @param parser called with the first request to get Spring MVC's pattern parser;
	 * {@code null} means the default
	 */
	public ServedPaths(String prefix, String actuator, Supplier<@Nullable PathPatternParser> parser) {
		this.patterns = SingletonSupplier.of(() -> Patterns.of(prefix, actuator, parser.get()));
	}

	/**
	 * Return the path of a request as Spring MVC matches it.
	 * @param request the request
	 * @return the path within the application and its dispatcher; empty if Spring MVC
	 * cannot serve the request, for example because its context path is spelled
	 * differently
	 */
	public static PathContainer of(HttpServletRequest request) {
		try {
			// A cached path may belong to the request that this one was forwarded from.
			return ServletRequestPathUtils.parse(request).pathWithinApplication();
		}
		catch (IllegalArgumentException ex) {
			return PathContainer.parsePath("");
		}
	}

	/**
	 * Return a path as text.
	 * @param path the path
	 * @return each segment decoded and without parameters
	 */
	public static String text(PathContainer path) {
		StringBuilder decoded = new StringBuilder();
		for (PathContainer.Element element : path.elements()) {
			decoded.append(
					(element instanceof PathContainer.PathSegment segment) ? segment.valueToMatch() : element.value());
		}
		return decoded.toString();
	}

	/**
	 * Return whether a request could be for the local store, in any spelling and wherever
	 * the store is. Its query is confidential even if there is no such object.
	 * @param request the request
	 * @return whether a segment of its path is the store's own
	 */
	static boolean mentionsLocalStore(HttpServletRequest request) {
		String uri = request.getRequestURI();
		try {
			return PathContainer.parsePath(uri)
				.elements()
				.stream()
				.anyMatch((element) -> element instanceof PathContainer.PathSegment segment
						&& segment.valueToMatch().equalsIgnoreCase(STORE_ROOT));
		}
		catch (IllegalArgumentException ex) {
			// No one serves a path with a broken escape, but it may be logged.
			return uri.toLowerCase(Locale.ROOT).contains(STORE_ROOT);
		}
	}

	/**
	 * Return whether a request belongs to the protocol, so that its response announces
	 * the capabilities. Without a prefix these are all requests except those to Actuator
	 * and to the local store, which acts as a bucket and does not speak RPC.
	 * @param request the request
	 * @return whether it does
	 */
	public boolean isProtocol(HttpServletRequest request) {
		PathContainer path = of(request);
		Patterns known = this.patterns.get();
		return known.prefix.matches(path) && !known.localStore.matches(path)
				&& (known.actuator == null || !known.actuator.matches(path));
	}

	/**
	 * Return whether a request is for an object of the local store.
	 * @param request the request
	 * @return whether Spring MVC would route it to the store
	 */
	public boolean isLocalStore(HttpServletRequest request) {
		return this.patterns.get().localStore.matches(of(request));
	}

	/**
	 * Return whether the Arrow body of a request is read as a stream. It is not for the
	 * local store, which stores bytes unchanged.
	 * @param request the request
	 * @return whether it does
	 */
	public boolean bringsArrow(HttpServletRequest request) {
		return ArrowMediaType.isNamedBy(request.getContentType()) && !isLocalStore(request);
	}

	/**
	 * Return whether a request is for upload URLs.
	 * @param request the request
	 * @return whether Spring MVC would route it to the upload URLs
	 */
	public boolean isUploadUrls(HttpServletRequest request) {
		return this.patterns.get().uploadUrls.matches(of(request));
	}

	/**
	 * Return whether a request is to renew a link.
	 * @param request the request
	 * @return whether Spring MVC would route it to the renewals
	 */
	public boolean isRenewals(HttpServletRequest request) {
		return this.patterns.get().renewals.matches(of(request));
	}

	/**
	 * Return whether a request is for the health of this service.
	 * @param request the request
	 * @return whether Spring MVC would route it to the health
	 */
	public boolean isHealth(HttpServletRequest request) {
		return this.patterns.get().health.matches(of(request));
	}

	/**
	 * The patterns that paths are compared with.
	 *
	 * @param prefix everything below the prefix
	 * @param actuator everything below Actuator's base path, or {@code null}
	 * @param localStore the objects
	 * @param uploadUrls the route that vends upload URLs
	 * @param renewals the route that renews links
	 * @param health the health route
	 */
	private record Patterns(PathPattern prefix, @Nullable PathPattern actuator, PathPattern localStore,
			PathPattern uploadUrls, PathPattern renewals, PathPattern health) {

		static Patterns of(String prefix, String actuator, @Nullable PathPatternParser given) {
			PathPatternParser parser = (given != null) ? given : PathPatternParser.defaultInstance;
			return new Patterns(parser.parse(prefix + "/**"),
					!actuator.isEmpty() ? parser.parse(actuator + "/**") : null,
					parser.parse(LocalStorage.PATH + "/{key}"),
					parser.parse(prefix + "/" + UploadUrlController.METHOD + "/init"),
					parser.parse(prefix + RenewUrlController.PATH), parser.parse(prefix + "/health"));
		}

	}

}
