package dev.vgi.external.web.client;

import java.net.http.HttpClient;

import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;

import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.util.Assert;
import org.springframework.web.client.RestClient;

/**
 * Clients as a program without Boot builds them. Fetches from anywhere.
 */
public final class PlainClient implements AutoCloseable {

	private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	private final BufferAllocator allocator;

	private final TransferResources resources = TransferResources.create();

	/**
	 * Create clients.
	 * @param allocator the owner of their memory
	 */
	public PlainClient(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	TransferBudget budget() {
		return this.resources.budget();
	}

	/**
	 * Build a client.
	 * @param url where the service is
	 * @return the builder
	 */
	public VgiClient.Builder builder(String url) {
		return builder(url, new JdkClientHttpRequestFactory(HTTP));
	}

	/**
	 * Build a client on another HTTP client.
	 * @param url where the service is
	 * @param requests the HTTP client for calls
	 * @return the builder
	 */
	public VgiClient.Builder builder(String url, ClientHttpRequestFactory requests) {
		return builder(url, RestClient.builder().requestFactory(requests));
	}

	/**
	 * Build a client on an application's HTTP client.
	 * @param url where the service is
	 * @param restClient the HTTP client for calls
	 * @return the builder
	 */
	public VgiClient.Builder builder(String url, RestClient.Builder restClient) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults().withUrlValidator(UrlValidator.acceptAll());
		return new VgiClient.Builder(restClient, this.allocator, new LocationResolver(config, this.resources))
			.baseUrl(url);
	}

	/**
	 * Close the connections to storage.
	 */
	@Override
	public void close() {
		this.resources.close();
		Assert.state(budget().inUse() == 0, "a transfer still holds budget");
	}

}
