package dev.vgi.external.autoconfigure;

import dev.vgi.external.autoconfigure.VgiExternalProperties.OnStorageFailure;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.url.UrlValidator;
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

	private final UrlValidator validator;

	private final VgiExternalProperties properties;

	private final TransferThreads threads;

	VgiClientFactory(BufferAllocator allocator, LocationResolver resolver, PayloadUploader uploader,
			UrlValidator validator, VgiExternalProperties properties, TransferThreads threads) {
		this.allocator = allocator;
		this.resolver = resolver;
		this.uploader = uploader;
		this.validator = validator;
		this.properties = properties;
		this.threads = threads;
	}

	/**
	 * Create a builder.
	 * @param restClient the HTTP client for calls
	 * @return a builder that is complete, except for the address if the HTTP client has
	 * none
	 */
	VgiClient.Builder builder(RestClient.Builder restClient) {
		VgiExternalProperties.Client client = this.properties.client();
		return new VgiClient.Builder(restClient, this.allocator, this.resolver, this.uploader, this.validator)
			.maxResponseSize(this.properties.fetch().toConfig().maxDecompressedSize())
			.readLimits(this.properties.limits().toReadLimits())
			.dialect(client.dialect())
			.responseCompression(client.responseCompression())
			.uploadThreshold(client.uploadThreshold().toBytes())
			.inlineOnUploadFailure(this.properties.onStorageFailure() == OnStorageFailure.INLINE)
			.prefetch(client.prefetch())
			.threads(this.threads);
	}

}
