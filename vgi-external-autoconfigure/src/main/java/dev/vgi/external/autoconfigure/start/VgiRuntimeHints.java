package dev.vgi.external.autoconfigure.start;

import java.io.Console;

import org.jspecify.annotations.Nullable;

import org.springframework.aot.hint.MemberCategory;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;

/**
 * {@link RuntimeHintsRegistrar} for what this library finds by name and no bean or
 * annotation tells of: the files of the page, and private parts of others.
 */
class VgiRuntimeHints implements RuntimeHintsRegistrar {

	@Override
	public void registerHints(RuntimeHints hints, @Nullable ClassLoader classLoader) {
		hints.resources().registerPattern("dev/vgi/external/autoconfigure/actuate/page/*");
		// The engine of a client, so that it sends a body once.
		hints.reflection()
			.registerTypeIfPresent(classLoader, "org.springframework.web.client.DefaultRestClient",
					MemberCategory.ACCESS_DECLARED_FIELDS);
		// Whether there is a terminal, from JDK 22 on.
		hints.reflection().registerType(Console.class, MemberCategory.INVOKE_PUBLIC_METHODS);
	}

}
