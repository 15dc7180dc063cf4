package dev.vgi.external.storage.s3;

import java.net.URI;

import dev.vgi.external.url.AbsoluteUrl;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.util.Assert;

/**
 * Creates the SDK objects of an {@link S3Storage} for applications that have no suitable
 * ones: checksums only when required, and the same endpoint and path style for client and
 * presigner.
 */
public final class S3Clients {

	private S3Clients() {
	}

	/**
	 * Create a client.
	 * @param credentials the credentials
	 * @param region the region's name, or {@code null} for the SDK's default chain
	 * @param endpoint the endpoint of a compatible store, or {@code null} for Amazon's
	 * @param pathStyle whether the bucket is in the path, as most compatible stores
	 * require, and not in the host
	 * @return the client, which the caller closes
	 */
	public static S3Client client(AwsCredentialsProvider credentials, @Nullable String region, @Nullable URI endpoint,
			boolean pathStyle) {
		requireHost(endpoint);
		return S3Client.builder()
			.credentialsProvider(credentials)
			.region((region != null) ? Region.of(region) : null)
			.endpointOverride(endpoint)
			.forcePathStyle(pathStyle)
			.requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
			.responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
			.build();
	}

	/**
	 * Create a presigner that agrees with {@link #client}.
	 * @param credentials the credentials
	 * @param region the region's name, or {@code null} for the SDK's default chain
	 * @param endpoint the endpoint that callers use, or {@code null} for Amazon's
	 * @param pathStyle whether the bucket is in the path
	 * @return the presigner, which the caller closes
	 */
	public static S3Presigner presigner(AwsCredentialsProvider credentials, @Nullable String region,
			@Nullable URI endpoint, boolean pathStyle) {
		requireHost(endpoint);
		S3Presigner.Builder builder = S3Presigner.builder()
			.credentialsProvider(credentials)
			.endpointOverride(endpoint)
			.serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(pathStyle).build());
		if (region != null) {
			builder.region(Region.of(region));
		}
		return builder.build();
	}

	// The SDK accepts any endpoint, and then fails with each request.
	private static void requireHost(@Nullable URI endpoint) {
		Assert.isTrue(endpoint == null || AbsoluteUrl.matches(endpoint), "'endpoint' " + AbsoluteUrl.RULE);
	}

}
