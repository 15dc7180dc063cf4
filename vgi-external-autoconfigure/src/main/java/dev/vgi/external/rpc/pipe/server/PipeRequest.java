package dev.vgi.external.rpc.pipe.server;

import java.security.Principal;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.context.request.AbstractRequestAttributes;
import org.springframework.web.context.request.NativeWebRequest;

/**
 * A call on a pipe, as Spring sees the requests that handlers serve: it has attributes,
 * so that beans can live as long as a request, but nothing else that HTTP knows. Used by
 * one thread at a time.
 */
final class PipeRequest extends AbstractRequestAttributes implements NativeWebRequest {

	private final Map<String, Object> attributes = new LinkedHashMap<>();

	private static void requireRequest(int scope) {
		Assert.state(scope == SCOPE_REQUEST, "A call on a pipe has no session");
	}

	@Override
	public @Nullable Object getAttribute(String name, int scope) {
		return (scope == SCOPE_REQUEST) ? this.attributes.get(name) : null;
	}

	@Override
	public void setAttribute(String name, Object value, int scope) {
		requireRequest(scope);
		Assert.state(isRequestActive(), "The call has ended");
		this.attributes.put(name, value);
	}

	@Override
	public void removeAttribute(String name, int scope) {
		if (scope == SCOPE_REQUEST) {
			removeRequestDestructionCallback(name);
			this.attributes.remove(name);
		}
	}

	@Override
	public String[] getAttributeNames(int scope) {
		return (scope == SCOPE_REQUEST) ? this.attributes.keySet().toArray(String[]::new) : new String[0];
	}

	@Override
	public void registerDestructionCallback(String name, Runnable callback, int scope) {
		requireRequest(scope);
		registerRequestDestructionCallback(name, callback);
	}

	@Override
	public @Nullable Object resolveReference(String key) {
		return REFERENCE_REQUEST.equals(key) ? this : null;
	}

	@Override
	public String getSessionId() {
		throw new IllegalStateException("A call on a pipe has no session");
	}

	@Override
	public Object getSessionMutex() {
		throw new IllegalStateException("A call on a pipe has no session");
	}

	@Override
	protected void updateAccessedSessionAttributes() {
		// There are none.
	}

	@Override
	public Object getNativeRequest() {
		return this;
	}

	@Override
	public @Nullable Object getNativeResponse() {
		return null;
	}

	@Override
	public <T> @Nullable T getNativeRequest(@Nullable Class<T> requiredType) {
		return null;
	}

	@Override
	public <T> @Nullable T getNativeResponse(@Nullable Class<T> requiredType) {
		return null;
	}

	@Override
	public @Nullable String getHeader(String headerName) {
		return null;
	}

	@Override
	public String @Nullable [] getHeaderValues(String headerName) {
		return null;
	}

	@Override
	public Iterator<String> getHeaderNames() {
		return Collections.emptyIterator();
	}

	@Override
	public @Nullable String getParameter(String paramName) {
		return null;
	}

	@Override
	public String @Nullable [] getParameterValues(String paramName) {
		return null;
	}

	@Override
	public Iterator<String> getParameterNames() {
		return Collections.emptyIterator();
	}

	@Override
	public Map<String, String[]> getParameterMap() {
		return Map.of();
	}

	@Override
	public Locale getLocale() {
		return Locale.getDefault();
	}

	@Override
	public String getContextPath() {
		return "";
	}

	@Override
	public @Nullable String getRemoteUser() {
		return null;
	}

	@Override
	public @Nullable Principal getUserPrincipal() {
		return null;
	}

	@Override
	public boolean isUserInRole(String role) {
		return false;
	}

	@Override
	public boolean isSecure() {
		return false;
	}

	@Override
	public boolean checkNotModified(long lastModifiedTimestamp) {
		return false;
	}

	@Override
	public boolean checkNotModified(String etag) {
		return false;
	}

	@Override
	public boolean checkNotModified(@Nullable String etag, long lastModifiedTimestamp) {
		return false;
	}

	@Override
	public String getDescription(boolean includeClientInfo) {
		return "a call on a pipe";
	}

}
