package dev.vgi.external.web.client;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The address of a method, in either dialect.
 *
 * @param protocol name of its protocol, or {@code null} if unknown
 * @param method its name
 * @param step which endpoint of the method
 */
record MethodAddress(@Nullable String protocol, String method, Step step) {

	/**
	 * Read the address of a call.
	 * @param metadata the metadata of its request
	 * @param step which endpoint of the method
	 * @return the address
	 */
	static MethodAddress of(BatchMetadata metadata, Step step) {
		String method = metadata.get(MetadataKeys.METHOD);
		Assert.hasText(method, "The request's metadata must name the method");
		return new MethodAddress(metadata.get(MetadataKeys.PROTOCOL), method, step);
	}

	MethodAddress at(Step other) {
		return new MethodAddress(this.protocol, this.method, other);
	}

	/**
	 * Return the path below the service's prefix.
	 * @param dialect the dialect, not {@link Dialect#AUTO}
	 * @return the path
	 */
	String path(Dialect dialect) {
		String flat = "/" + this.method + this.step.suffix;
		return (dialect == Dialect.NAMESPACED) ? "/" + this.protocol + flat : flat;
	}

	/**
	 * The endpoints of a method.
	 */
	enum Step {

		/** A unary call. */
		UNARY(""),

		/** The opening of a stream. */
		INIT("/init"),

		/** A further turn of a stream. */
		EXCHANGE("/exchange");

		private final String suffix;

		Step(String suffix) {
			this.suffix = suffix;
		}

	}

}
