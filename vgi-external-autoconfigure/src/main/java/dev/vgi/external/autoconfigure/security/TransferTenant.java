package dev.vgi.external.autoconfigure.security;

import org.jspecify.annotations.Nullable;

/**
 * Tells to which tenant the sender of the current request belongs. With
 * {@code vgi.external.binding=tenant}, a bean of this type decides who may send which
 * pointers. Thread-safe.
 */
@FunctionalInterface
public interface TransferTenant {

	/**
	 * Return the tenant. Called at most once for a request, in the thread that serves it:
	 * after all filters, and after all interceptors have let the request pass.
	 * @return a name that no other tenant has, or {@code null} for callers without a
	 * tenant, who count as one
	 */
	@Nullable String currentTenant();

}
