package dev.vgi.external.autoconfigure.connection;

import dev.vgi.external.Internal;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.url.RedactedUrl;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * What a container with a store that speaks the protocol of S3 needs before it is used.
 */
@Internal
public final class S3Container {

	private static final int CONFLICT = 409;

	private S3Container() {
	}

	/**
	 * Make the bucket if there is none.
	 * @param client the client
	 * @param details where the container is
	 * @param bucket the name of the bucket
	 */
	public static void prepare(S3Client client, ContainerConnection.S3 details, String bucket) {
		try {
			client.createBucket((create) -> create.bucket(bucket));
		}
		catch (SdkException ex) {
			if (ex instanceof AwsServiceException answer && answer.statusCode() == CONFLICT) {
				return;
			}
			throw new StartRefusedException(
					"The bucket " + bucket + " of the container at " + details.getEndpoint() + " could not be created: "
							+ RedactedUrl.scrub(ex.getMessage()),
					"Check the credentials of the container: they are read from its environment variables.", ex);
		}
	}

}
