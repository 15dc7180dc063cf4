package dev.vgi.external.autoconfigure.connection;

import dev.vgi.external.Internal;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.util.StringUtils;

/**
 * Makes client and presigner of S3 that have what connection details say, and all else as
 * the application configured it.
 */
@Internal
public interface S3ClientFactory {

	/** The region for a store without regions. */
	String ANY_REGION = "us-east-1";

	/**
	 * Make a client.
	 * @param details what differs from the application's own
	 * @return the client, which the caller closes
	 */
	S3Client client(S3StorageConnectionDetails details);

	/**
	 * Make a presigner that agrees with a client.
	 * @param details what differs from the application's own
	 * @param client has the endpoint, the region and the credentials, after all
	 * customizers
	 * @return the presigner, which the caller closes
	 */
	S3Presigner presigner(S3StorageConnectionDetails details, S3Client client);

	/**
	 * Return the credentials.
	 * @param details may have some
	 * @return those of the details, or {@code null}
	 */
	static @Nullable AwsCredentialsProvider credentials(S3StorageConnectionDetails details) {
		String accessKey = details.getAccessKey();
		String secretKey = details.getSecretKey();
		return (StringUtils.hasText(accessKey) && StringUtils.hasText(secretKey))
				? StaticCredentialsProvider.create(AwsBasicCredentials.create(accessKey, secretKey)) : null;
	}

}
