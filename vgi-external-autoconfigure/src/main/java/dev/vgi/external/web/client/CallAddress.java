package dev.vgi.external.web.client;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Where the requests of a call go, in either dialect.
 *
 * @param protocol name of the method's protocol, or {@code null} if unknown
 * @param method the method's name
 * @param step which endpoint of the method
 * @param requestId the identifier that every request of the call carries, or {@code null}
 */
record CallAddress(@Nullable String protocol, String method, Step step, @Nullable String requestId) {

	/**
	 * Read the address of a call.
	 * @param metadata the metadata of its request
	 * @param step which endpoint of the method
	 * @return the address
	 */
	static CallAddress of(BatchMetadata metadata, Step step) {
		String method = metadata.get(MetadataKeys.METHOD);
		Assert.hasText(method, "The request's metadata must name the method");
		return new CallAddress(metadata.get(MetadataKeys.PROTOCOL), method, step,
				metadata.get(MetadataKeys.REQUEST_ID));
	}

	CallAddress at(Step other) {
		return new CallAddress(this.protocol, this.method, other, this.requestId);
	}

	/**
	 * Return the request to this address.
	 * @param dialect the dialect, not {@link Dialect#AUTO}
	 * @return a request without a body
	 */
	ServiceRequest request(Dialect dialect) {
		String flat = "/" + this.method + this.step.suffix;
		return ServiceRequest.call((dialect == Dialect.NAMESPACED) ? "/" + this.protocol + flat : flat, dialect,
				this.requestId);
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
