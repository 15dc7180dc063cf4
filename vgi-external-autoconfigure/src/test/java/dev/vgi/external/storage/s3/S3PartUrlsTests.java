package dev.vgi.external.storage.s3;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

import dev.vgi.external.storage.local.SteppedClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests of {@link S3PartUrls}, against the SDK's own signatures.
 */
class S3PartUrlsTests {

	private static final URI ENDPOINT = URI.create("http://127.0.0.1:9000");

	private static final AwsBasicCredentials CREDENTIALS = AwsBasicCredentials.create("access", "planted-secret");

	private static final AwsSessionCredentials SESSION = AwsSessionCredentials.create("access", "planted-secret",
			"tok/en+==");

	private static final UploadPartRequest REQUEST = UploadPartRequest.builder()
		.bucket("batches")
		.key("vgi-rpc/a b~ä.arrow")
		.uploadId("up/lo+ad=1~")
		.build();

	private final SteppedClock clock = new SteppedClock();

	private final AtomicInteger signedBySdk = new AtomicInteger();

	private final S3Client client = S3Clients.client(StaticCredentialsProvider.create(CREDENTIALS), "eu-central-1",
			ENDPOINT, true);

	private final S3Presigner presigner = S3Clients.presigner(StaticCredentialsProvider.create(CREDENTIALS),
			"eu-central-1", ENDPOINT, true);

	private final S3Signer signer = new S3Signer(this.client, counting(this.presigner), S3StorageSettings.of("batches"),
			Clock.systemUTC());

	@AfterEach
	void close() {
		this.presigner.close();
		this.client.close();
	}

	private S3Presigner counting(S3Presigner target) {
		return (S3Presigner) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] { S3Presigner.class },
				(proxy, method, arguments) -> {
					if (method.getName().equals("presignUploadPart")) {
						this.signedBySdk.incrementAndGet();
					}
					try {
						return method.invoke(target, arguments);
					}
					catch (InvocationTargetException ex) {
						throw ex.getCause();
					}
				});
	}

	private S3PartUrls urls() {
		return new S3PartUrls(this.signer, this.clock, REQUEST);
	}

	@Test
	void laterPartsAreSignedAsTheSdkWouldSignThem() {
		for (AwsCredentialsIdentity credentials : Arrays.asList(CREDENTIALS, SESSION)) {
			URI ours;
			URI theirs;
			do {
				S3PartUrls urls = urls();
				urls.sign(1, credentials);
				ours = urls.sign(10_000, credentials).url();
				theirs = S3Signer.url(this.signer.part(REQUEST.toBuilder().partNumber(10_000).build(), credentials));
			}
			while (!date(ours).equals(date(theirs)));
			assertThat(ours).isEqualTo(theirs);
		}
	}

	private static String date(URI url) {
		return url.getRawQuery().replaceFirst(".*X-Amz-Date=([^&]*).*", "$1");
	}

	@Test
	void sdkSignsOnlyTheFirst() {
		S3PartUrls urls = urls();
		for (int i = 1; i <= 5; i++) {
			SignedRequest signed = urls.sign(i, CREDENTIALS);
			assertThat(signed.url().getQuery()).contains("partNumber=" + i + "&");
			assertThat(signed.headers()).isEmpty();
			assertThat(signed.toString()).doesNotContain("?");
		}
		assertThat(this.signedBySdk).hasValue(1);
	}

	@Test
	void whatWouldExpireEarlyIsSignedAnew() {
		S3PartUrls urls = urls();
		urls.sign(1, CREDENTIALS);
		// A tenth of 15 minutes.
		this.clock.step(Duration.ofSeconds(89));
		urls.sign(2, CREDENTIALS);
		assertThat(this.signedBySdk).hasValue(1);
		this.clock.step(Duration.ofSeconds(1));
		urls.sign(3, CREDENTIALS);
		assertThat(this.signedBySdk).hasValue(2);
		this.clock.step(Duration.ofSeconds(-1));
		urls.sign(4, CREDENTIALS);
		assertThat(this.signedBySdk).hasValue(3);
	}

	@Test
	void otherCredentialsSignAnew() {
		S3PartUrls urls = urls();
		urls.sign(1, CREDENTIALS);
		assertThat(urls.sign(2, SESSION).url().getRawQuery()).contains("X-Amz-Security-Token=tok%2Fen%2B%3D%3D");
		urls.sign(3, SESSION);
		assertThat(this.signedBySdk).hasValue(2);
	}

	@Test
	void whatIsSignedInAnotherWayIsLeftToTheSdk() {
		AtomicInteger asked = new AtomicInteger();
		AwsCredentialsIdentity changing = new AwsCredentialsIdentity() {

			@Override
			public String accessKeyId() {
				return "access";
			}

			@Override
			public String secretAccessKey() {
				return "secret-" + asked.incrementAndGet();
			}

		};
		S3PartUrls urls = urls();
		urls.sign(1, changing);
		urls.sign(2, changing);
		assertThat(this.signedBySdk).hasValue(2);
	}

}
