package dev.vgi.external.autoconfigure.connection;

import dev.vgi.external.storage.s3.S3Clients;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.regions.providers.AwsRegionProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.util.StringUtils;

/**
 * Makes clients without Spring Cloud AWS.
 */
class PlainS3ClientFactory implements S3ClientFactory {

	private final @Nullable AwsCredentialsProvider credentials;

	private final @Nullable AwsRegionProvider regions;

	PlainS3ClientFactory(@Nullable AwsCredentialsProvider credentials, @Nullable AwsRegionProvider regions) {
		this.credentials = credentials;
		this.regions = regions;
	}

	@Override
	public S3Client client(S3StorageConnectionDetails details) {
		return S3Clients.client(credentials(details), region(details), details.getEndpoint(),
				details.getEndpoint() != null);
	}

	private AwsCredentialsProvider credentials(S3StorageConnectionDetails details) {
		AwsCredentialsProvider credentials = S3ClientFactory.credentials(details);
		if (credentials != null) {
			return credentials;
		}
		return (this.credentials != null) ? this.credentials : DefaultCredentialsProvider.builder().build();
	}

	private String region(S3StorageConnectionDetails details) {
		String region = details.getRegion();
		if (StringUtils.hasText(region)) {
			return region;
		}
		try {
			if (this.regions != null) {
				return this.regions.getRegion().id();
			}
		}
		catch (SdkClientException ex) {
			// Most compatible stores ignore the region.
		}
		return ANY_REGION;
	}

	@Override
	public S3Presigner presigner(S3StorageConnectionDetails details, S3Client client) {
		return S3Clients.presigner(credentials(details), client.serviceClientConfiguration().region().id(),
				details.getEndpoint(), details.getEndpoint() != null);
	}

}
