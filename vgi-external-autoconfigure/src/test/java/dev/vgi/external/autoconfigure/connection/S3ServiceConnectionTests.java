package dev.vgi.external.autoconfigure.connection;

import java.net.URI;
import java.time.Duration;
import java.util.List;

import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.health.LifecycleMonitor;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;
import org.springframework.context.ApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A test with a container and without properties: the real annotation, and a real server
 * behind a container that was never started.
 */
@SpringBootTest(classes = NumbersApplication.class, webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@ExtendWith(OutputCaptureExtension.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class S3ServiceConnectionTests {

	@ServiceConnection
	static final RunningContainer store = new RunningContainer("versity/versitygw:v1.8.0", 7070, S3Server.port())
		.withEnv("ROOT_ACCESS_KEY", S3Server.ACCESS_KEY)
		.withEnv("ROOT_SECRET_KEY", S3Server.SECRET_KEY)
		.withEnv("VGW_REGION", S3Server.REGION);

	@Autowired
	private ApplicationContext context;

	@Test
	void resultsTravelThroughTheContainer() {
		assertThat(this.context.getBean(ExternalLocationConfig.class).storage()).isNotNull()
			.extracting(ExternalStorage::describe)
			.isEqualTo("s3://vgi-external/vgi-rpc/ at http://localhost:" + S3Server.port());
		for (int count : List.of(NumbersApplication.LARGE, NumbersApplication.HUGE)) {
			long before = objects();
			assertThat(NumbersApplication.sum(this.context, count)).isEqualTo(NumbersApplication.expected(count));
			assertThat(objects()).isEqualTo(before + 1);
		}
	}

	@Test
	void urlsLeadToTheContainer() {
		URI url = this.context.getBean(UploadUrlProvider.class).generateUploadUrl(new Schema(List.of())).downloadUrl();
		assertThat(url.toString()).startsWith("http://localhost:" + S3Server.port() + "/vgi-external/vgi-rpc/")
			.contains("X-Amz-Credential=access%2F")
			.contains("%2F" + S3Server.REGION + "%2F");
	}

	@Test
	void presignerOfTheApplicationUsesTheContainerToo() {
		assertThat(this.context.getBean(S3Presigner.class)
			.presignGetObject((get) -> get.signatureDuration(Duration.ofMinutes(1))
				.getObjectRequest((object) -> object.bucket("other").key("key")))
			.url()
			.toString()).startsWith("http://localhost:" + S3Server.port() + "/other/key?");
	}

	@Test
	void nobodyLooksForLifecycleRules() {
		assertThat(this.context.getBeanProvider(LifecycleMonitor.class).getIfAvailable()).isNull();
	}

	@Test
	void secretsAreNotShown(CapturedOutput output) {
		S3StorageConnectionDetails details = this.context.getBean(S3StorageConnectionDetails.class);
		assertThat(details.getSecretKey()).isEqualTo(S3Server.SECRET_KEY);
		assertThat(details.toString()).doesNotContain(S3Server.SECRET_KEY);
		assertThat(output).doesNotContain(S3Server.SECRET_KEY);
	}

	// With the application's own client.
	private long objects() {
		return this.context.getBean(S3Client.class)
			.listObjectsV2((list) -> list.bucket("vgi-external").prefix("vgi-rpc/"))
			.contents()
			.size();
	}

}
