package dev.vgi.external;

import java.net.URI;
import java.util.List;

import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * The same attacks on a service with a bucket, whose server verifies signatures.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class S3BoundPointersTests extends BoundPointersTests {

	private final S3Proxy server = S3Proxy.builder()
		.blobStore(new TransientNio2BlobStore())
		.endpoint(URI.create("http://127.0.0.1:0"))
		.awsAuthentication(AuthenticationType.AWS_V4, "access", "planted-secret")
		.metricsEnabled(false)
		.ignoreUnknownHeaders(true)
		.build();

	@Override
	@BeforeAll
	@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void start() throws Exception {
		this.server.start();
		super.start();
		service().getBean("vgiS3Client", S3Client.class).createBucket((create) -> create.bucket("batches"));
	}

	@Override
	@AfterAll
	void stop() throws Exception {
		super.stop();
		this.server.stop();
	}

	@Override
	protected List<String> storage() {
		return List.of("vgi.external.s3.bucket=batches", "vgi.external.s3.region=eu-central-1",
				"vgi.external.s3.endpoint=http://127.0.0.1:" + this.server.getPort(),
				"spring.cloud.aws.credentials.access-key=access",
				"spring.cloud.aws.credentials.secret-key=planted-secret");
	}

}
