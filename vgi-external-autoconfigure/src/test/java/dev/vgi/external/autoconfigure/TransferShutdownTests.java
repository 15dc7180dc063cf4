package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

import dev.vgi.external.autoconfigure.connection.VgiS3ConnectionAutoConfiguration;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.TransportClosedException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link TransferResources}: an application that ends in the middle of
 * transfers.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TransferShutdownTests {

	@Test
	void transfersUnderWayEndBeforeTheirClients() {
		CountDownLatch uploading = new CountDownLatch(2);
		CountDownLatch fetching = new CountDownLatch(1);
		try (RootAllocator allocator = new RootAllocator(); FaultServer server = new FaultServer((request, reply) -> {
			switch (request.method()) {
				case "POST" -> {
					byte[] answer = ("<InitiateMultipartUploadResult><UploadId>upload-1</UploadId>"
							+ "</InitiateMultipartUploadResult>")
						.getBytes();
					reply.head(200, "Content-Type: application/xml", "Content-Length: " + answer.length);
					reply.raw(answer);
				}
				case "PUT" -> {
					uploading.countDown();
					reply.stall();
				}
				case "GET" -> {
					fetching.countDown();
					reply.stall();
				}
				default -> reply.empty(204);
			}
		})) {
			runner(allocator, server).run((context) -> {
				Externalizer externalizer = context.getBean(Externalizer.class);
				LocationResolver resolver = context.getBean("vgiLocationResolver", LocationResolver.class);
				TransferBudget budget = context.getBean(TransferBudget.class);
				SlabPool slabs = context.getBean(SlabPool.class);
				FutureTask<?> upload = start(
						() -> externalizer.externalize(OutputCycle.of(batch(allocator, 2_000_000))).close());
				FutureTask<?> fetch = start(
						() -> resolver.resolve(pointer(allocator, server.url("/o")), allocator, (message) -> {
						}).close());
				uploading.await();
				fetching.await();
				assertThat(budget.transfers().count()).isEqualTo(2);
				((ConfigurableApplicationContext) context.getSourceApplicationContext()).close();
				// The multipart upload was aborted by the application's own client.
				assertThat(server.requests()).anyMatch((request) -> request.method().equals("DELETE")
						&& request.target().contains("uploadId=upload-1"));
				assertThat(budget.transfers().count()).isZero();
				assertThat(slabs.leasedSlabs()).isZero();
				for (FutureTask<?> call : new FutureTask<?>[] { upload, fetch }) {
					assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
						.withCauseInstanceOf(TransportClosedException.class);
				}
			});
		}
	}

	@Test
	void objectThatMayBeStoredIsDeletedBeforeTheClientsClose() {
		CountDownLatch uploading = new CountDownLatch(1);
		try (RootAllocator allocator = new RootAllocator(); FaultServer server = new FaultServer((request, reply) -> {
			if (request.method().equals("PUT")) {
				uploading.countDown();
				reply.stall();
			}
			reply.empty(204);
		})) {
			runner(allocator, server).run((context) -> {
				Externalizer externalizer = context.getBean(Externalizer.class);
				FutureTask<?> upload = start(
						() -> externalizer.externalize(OutputCycle.of(batch(allocator, 200_000))).close());
				uploading.await();
				((ConfigurableApplicationContext) context.getSourceApplicationContext()).close();
				assertThat(server.requests()).anyMatch((request) -> request.method().equals("DELETE")
						&& request.target().matches("/batches/vgi-rpc/[0-9a-f]{32}\\.arrow"));
				assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> upload.get(20, TimeUnit.SECONDS))
					.withCauseInstanceOf(TransportClosedException.class);
			});
		}
	}

	private static ApplicationContextRunner runner(BufferAllocator allocator, FaultServer server) {
		return new ApplicationContextRunner()
			.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class,
					VgiS3ConnectionAutoConfiguration.class, VgiS3StorageAutoConfiguration.class,
					VgiExternalAutoConfiguration.class, io.awspring.cloud.autoconfigure.s3.S3AutoConfiguration.class,
					io.awspring.cloud.autoconfigure.core.AwsAutoConfiguration.class,
					io.awspring.cloud.autoconfigure.core.RegionProviderAutoConfiguration.class))
			.withUserConfiguration(Credentials.class)
			.withBean("allocator", BufferAllocator.class, () -> allocator,
					// The callers still free their batches when the context is gone.
					(definition) -> ((AbstractBeanDefinition) definition).setDestroyMethodName(""))
			.withPropertyValues("vgi.external.s3.bucket=batches", "vgi.external.s3.endpoint=" + server.url(""),
					"vgi.external.upload.part-size=5MB", "vgi.external.upload.max-parallel-parts=2",
					"vgi.external.url.allowed-hosts=localhost", "vgi.external.url.allowed-schemes=http",
					"vgi.external.url.allow-private-addresses=true", "spring.cloud.aws.region.static=eu-central-1");
	}

	private static FutureTask<?> start(Runnable transfer) {
		FutureTask<?> task = new FutureTask<>(transfer, null);
		new Thread(task, "caller").start();
		return task;
	}

	private static AnnotatedBatch batch(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(rows);
		vector.setValueCount(rows);
		return AnnotatedBatch.of(VectorSchemaRoot.of(vector));
	}

	private static AnnotatedBatch pointer(BufferAllocator allocator, URI location) {
		try (AnnotatedBatch batch = batch(allocator, 0)) {
			return batch.zeroRows(BatchMetadata.empty().with(MetadataKeys.LOCATION, location.toString()), allocator);
		}
	}

	/**
	 * Credentials that nobody checks.
	 */
	@Configuration(proxyBeanMethods = false)
	static class Credentials {

		@Bean
		AwsCredentialsProvider credentials() {
			return StaticCredentialsProvider.create(AwsBasicCredentials.create("access", "secret"));
		}

	}

}
