package dev.vgi.external.autoconfigure.connection;

import java.net.URI;
import java.util.List;

import com.google.cloud.storage.Bucket;
import com.google.cloud.storage.Storage;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;
import org.springframework.context.ApplicationContext;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A test with a container of fake-gcs-server and without properties or credentials.
 */
@SpringBootTest(classes = NumbersApplication.class, webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class GcsServiceConnectionTests {

	@ServiceConnection
	static final RunningContainer emulator = new RunningContainer("fsouza/fake-gcs-server:1.56.1", 4443,
			GcsEmulator.port())
		.withLabel("dev.vgi.external.bucket", "labelled-batches");

	@Autowired
	private ApplicationContext context;

	@Test
	void resultsTravelThroughTheContainer() {
		assertThat(this.context.getBean(ExternalLocationConfig.class).storage()).isNotNull()
			.extracting(ExternalStorage::describe)
			.isEqualTo("gs://labelled-batches/vgi-rpc/");
		assertThat(NumbersApplication.sum(this.context, NumbersApplication.LARGE))
			.isEqualTo(NumbersApplication.expected(NumbersApplication.LARGE));
	}

	@Test
	@EnabledIfSystemProperty(named = "vgi.test.gcs.host", matches = ".*")
	void partsTravelThroughTheContainerToo() {
		assertThat(NumbersApplication.sum(this.context, NumbersApplication.HUGE))
			.isEqualTo(NumbersApplication.expected(NumbersApplication.HUGE));
		Bucket bucket = this.context.getBean(Storage.class).get("labelled-batches");
		assertThat(bucket.list().iterateAll()).isNotEmpty();
	}

	@Test
	void urlsLeadToTheContainer() {
		URI url = this.context.getBean(UploadUrlProvider.class).generateUploadUrl(new Schema(List.of())).downloadUrl();
		assertThat(url.toString()).startsWith("http://localhost:" + GcsEmulator.port() + "/labelled-batches/vgi-rpc/");
	}

	@Test
	void clientOfTheApplicationUsesTheContainerToo() {
		assertThat(this.context.getBean(Storage.class).getOptions().getHost())
			.isEqualTo("http://localhost:" + GcsEmulator.port());
	}

}
