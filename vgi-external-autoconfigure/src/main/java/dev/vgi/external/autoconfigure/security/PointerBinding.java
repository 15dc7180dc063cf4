package dev.vgi.external.autoconfigure.security;

import java.security.Principal;
import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.seal.KeyMac;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ObjectOwner;
import org.jspecify.annotations.Nullable;

import org.springframework.util.ClassUtils;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;

/**
 * Binds the pointers of a request to its principal or tenant. Who that is, is asked once
 * for a request. Thread-safe.
 */
@Internal
public final class PointerBinding {

	private static final String ATTRIBUTE = PointerBinding.class.getName();

	private static final boolean SERVLET = ClassUtils.isPresent("jakarta.servlet.http.HttpServletRequest",
			PointerBinding.class.getClassLoader());

	private final @Nullable ExternalStorage storage;

	private final @Nullable KeyMac marks;

	private final @Nullable TransferTenant tenants;

	/**
	 * Create a binding.
	 * @param storage whose keys are bound
	 * @param marks marks them
	 * @param tenants tells the tenant, or {@code null} to bind to principals
	 */
	public PointerBinding(ExternalStorage storage, KeyMac marks, @Nullable TransferTenant tenants) {
		this.storage = storage;
		this.marks = marks;
		this.tenants = tenants;
	}

	private PointerBinding() {
		this.storage = null;
		this.marks = null;
		this.tenants = null;
	}

	/**
	 * Return what binds nothing.
	 * @return the binding
	 */
	public static PointerBinding none() {
		return new PointerBinding();
	}

	/**
	 * Return what the sender of a request has to do with pointers.
	 * @param request the request, or {@code null} if it is not known
	 * @return pointers that are not renewable
	 */
	public CallerPointers pointers(@Nullable RequestAttributes request) {
		return (this.storage != null) ? CallerPointers.of(this.storage, owner(request))
			.inGroup((request != null) ? group(request) : List.of()) : CallerPointers.unbound();
	}

	/**
	 * Return what the sender of the current request has to do with pointers.
	 * @return pointers that are not renewable
	 */
	public CallerPointers currentPointers() {
		return pointers(RequestContextHolder.getRequestAttributes());
	}

	/**
	 * Return whose the objects are that the current thread stores.
	 * @return the sender of the current request; nobody outside of one, or if it is over
	 */
	public ObjectOwner currentOwner() {
		RequestAttributes request = RequestContextHolder.getRequestAttributes();
		return owner((request != null && isActive(request)) ? request : null);
	}

	// What is left of a request may be found in threads that it has started, and the
	// container may use it for the next one.
	private static boolean isActive(RequestAttributes request) {
		try {
			request.getAttribute(ATTRIBUTE, RequestAttributes.SCOPE_REQUEST);
			return true;
		}
		catch (IllegalStateException ex) {
			return false;
		}
	}

	private ObjectOwner owner(@Nullable RequestAttributes request) {
		return (this.marks != null && request != null) ? this.marks.owner(identity(request, this.tenants).name())
				: ObjectOwner.nobody();
	}

	/**
	 * Return what the tokens of a request's sender are bound to besides its name.
	 * @param request the request
	 * @return its tenant; empty if tenants are not told apart
	 */
	public List<String> group(RequestAttributes request) {
		return (this.tenants != null) ? List.of("TENANT", Sealer.caller(identity(request, this.tenants).name()))
				: List.of();
	}

	private static Identity identity(RequestAttributes request, @Nullable TransferTenant tenants) {
		if (request.getAttribute(ATTRIBUTE, RequestAttributes.SCOPE_REQUEST) instanceof Identity known) {
			return known;
		}
		Identity identity = new Identity(
				(tenants != null) ? tenants.currentTenant() : SERVLET ? ServedRequest.principal(request) : null);
		request.setAttribute(ATTRIBUTE, identity, RequestAttributes.SCOPE_REQUEST);
		return identity;
	}

	/**
	 * Who sent a request.
	 *
	 * @param name name of the principal or tenant, or {@code null}
	 */
	private record Identity(@Nullable String name) {

	}

	/**
	 * Keeps the Servlet API away from applications without it.
	 */
	private static final class ServedRequest {

		static @Nullable String principal(RequestAttributes request) {
			Principal principal = (request instanceof ServletRequestAttributes served)
					? served.getRequest().getUserPrincipal() : null;
			return (principal != null) ? principal.getName() : null;
		}

	}

}
