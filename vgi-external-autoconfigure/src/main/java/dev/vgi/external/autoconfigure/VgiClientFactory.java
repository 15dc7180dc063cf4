package dev.vgi.external.autoconfigure;

import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.web.client.PayloadUploader;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.web.client.RestClient;

/**
 * Creates client builders with the application's configuration.
 */
final class VgiClientFactory {

	private final BufferAllocator allocator;

	private final LocationResolver resolver;

	private final PayloadUploader uploader;

	private final VgiExternalProperties properties;

	VgiClientFactory(BufferAllocator allocator, LocationResolver resolver, PayloadUploader uploader,
			VgiExternalProperties properties) {
		this.allocator = allocator;
		this.resolver = resolver;
		this.uploader = uploader;
		this.properties = properties;
	}

	/**
	 * Create a builder.
	 * @param restClient the HTTP client for calls
	 * @return a builder that is complete, except for the address if the HTTP client has
	 * none
	 */
	VgiClient.Builder builder(RestClient.Builder restClient) {
		VgiExternalProperties.Client client = this.properties.client();
		return new VgiClient.Builder(restClient, this.allocator, this.resolver).uploader(this.uploader)
			.maxResponseSize(this.properties.fetch().toConfig().maxDecompressedSize())
			.readLimits(this.properties.limits().toReadLimits())
			.inlineOnUploadFailure(this.properties.onStorageFailure() == VgiExternalProperties.OnStorageFailure.INLINE)
			.dialect(client.dialect())
			.responseCompression(client.responseCompression())
			.uploadThreshold(client.uploadThreshold().toBytes())
			.prefetch(client.prefetch());
	}

}
