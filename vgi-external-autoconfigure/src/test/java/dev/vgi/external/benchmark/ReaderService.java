package dev.vgi.external.benchmark;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.pojo.Schema;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/**
 * A service in a process of its own whose handler returns readers of any length.
 * <p>
 * Says its URL. Answers {@code heap} with the bytes allocated so far, and {@code query N}
 * with the seconds it takes to make N batches and do nothing with them.
 */
public final class ReaderService {

	/** As many as make a little more than 2 MB, so that 16 batches make a segment. */
	static final int ROWS = 71_000;

	private ReaderService() {
	}

	public static void main(String[] args) throws Exception {
		try (ConfigurableApplicationContext service = SpringApplication.run(Application.class, args)) {
			AllocatedHeap heap = service.getBean(AllocatedHeap.class);
			Results results = service.getBean(Results.class);
			String port = service.getEnvironment().getRequiredProperty("local.server.port");
			JavaProcess.serve("http://127.0.0.1:" + port,
					(line) -> line.startsWith("query ")
							? Double.toString(results.query(Integer.parseInt(line.substring("query ".length()))))
							: Long.toString(heap.ofAll()));
		}
	}

	/**
	 * Return the settings of a service that stores in a bucket, in parts.
	 * @param endpoint of the storage
	 * @param bucket one of those that keep their objects
	 * @return the arguments
	 */
	static List<String> inBucket(URI endpoint, String bucket) {
		return List.of("--vgi.external.s3.bucket=" + bucket, "--vgi.external.s3.region=eu-central-1",
				"--vgi.external.s3.endpoint=" + endpoint);
	}

	/**
	 * Return the settings of a service that stores by one PUT, without an SDK.
	 * @param folder where to
	 * @return the arguments
	 */
	static List<String> directly(URI folder) {
		return List.of("--direct=" + folder);
	}

	static List<String> settings(List<String> storage) {
		List<String> settings = new ArrayList<>(storage);
		settings.addAll(List.of("--server.port=0", "--spring.main.banner-mode=off", "--logging.level.root=warn",
				"--vgi.external.memory.budget=256MB", "--vgi.external.lifecycle.mode=none",
				"--vgi.external.upload-url.enabled=false"));
		return settings;
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Results.class)
	static class Application {

		@Bean
		AllocatedHeap heap() {
			return new AllocatedHeap();
		}

		@Bean
		TransferThreads threads(AllocatedHeap heap) {
			return new TransferThreads(heap);
		}

		@Bean
		@ConditionalOnProperty("direct")
		DirectStorage directStorage(StorageTransport transport, @Value("${direct}") URI folder) {
			return new DirectStorage(transport, folder);
		}

		@Bean
		AwsCredentialsProvider credentials() {
			return StaticCredentialsProvider.create(AwsBasicCredentials.create("access", "secret"));
		}

	}

	/**
	 * Returns the same batch over and over.
	 */
	@RestController
	static class Results implements DisposableBean {

		private final BufferAllocator allocator;

		private final Schema schema;

		private final ArrowRecordBatch batch;

		Results(BufferAllocator allocator) {
			this.allocator = allocator;
			try (VectorSchemaRoot root = Payloads.synthetic(allocator, ROWS)) {
				this.schema = root.getSchema();
				this.batch = new VectorUnloader(root).getRecordBatch();
			}
		}

		@GetMapping("/results/{batches}")
		ArrowReader results(@PathVariable int batches) {
			return new SameBatch(this.batch, this.schema, batches, this.allocator);
		}

		double query(int batches) throws Exception {
			long start = System.nanoTime();
			try (ArrowReader reader = results(batches)) {
				while (reader.loadNextBatch()) {
					// Nothing is done with it.
				}
			}
			return (System.nanoTime() - start) / 1e9;
		}

		@Override
		public void destroy() {
			this.batch.close();
		}

	}

	/**
	 * Yields one batch, whose buffers are filled, as often as asked to.
	 */
	private static final class SameBatch extends ArrowReader {

		private final ArrowRecordBatch batch;

		private final Schema schema;

		private int left;

		SameBatch(ArrowRecordBatch batch, Schema schema, int batches, BufferAllocator allocator) {
			super(allocator);
			this.batch = batch;
			this.schema = schema;
			this.left = batches;
		}

		@Override
		public boolean loadNextBatch() throws IOException {
			prepareLoadNextBatch();
			if (this.left == 0) {
				return false;
			}
			this.left--;
			// Retains the buffers, and is closed once it is loaded.
			loadRecordBatch(
					new ArrowRecordBatch(this.batch.getLength(), this.batch.getNodes(), this.batch.getBuffers()));
			return true;
		}

		@Override
		public long bytesRead() {
			return 0;
		}

		@Override
		protected void closeReadSource() {
			// There is none.
		}

		@Override
		protected Schema readSchema() {
			return this.schema;
		}

	}

}
