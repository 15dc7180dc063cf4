package dev.vgi.external.benchmark;

import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.transfer.TransferThreads;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.util.TransferPair;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.RestController;

/**
 * An application in a process of its own that serves the same methods on its standard
 * streams or, with the argument {@code --http}, over HTTP, where it says its URL.
 */
public final class PipeWorker {

	private PipeWorker() {
	}

	public static void main(String[] args) throws Exception {
		List<String> settings = new ArrayList<>(List.of(args));
		boolean http = settings.remove("--http");
		settings.addAll(List.of("--spring.main.banner-mode=off", "--logging.level.root=warn", "--server.port=0",
				"--vgi.external.lifecycle.mode=none", "--vgi.external.upload-url.enabled=false",
				"--vgi.external.memory.budget=1GB", "--vgi.rpc.stdio=" + !http));
		ConfigurableApplicationContext application = SpringApplication.run(Application.class,
				settings.toArray(String[]::new));
		if (http) {
			try (application) {
				JavaProcess.serve(
						"http://127.0.0.1:" + application.getEnvironment().getRequiredProperty("local.server.port"),
						(line) -> line);
			}
		}
	}

	/**
	 * What is measured.
	 */
	@RpcService(name = "Pipes")
	interface Pipes {

		@RpcMethod("add")
		double add(double a, double b);

		@RpcMethod("table")
		ProducerStream<Void> table();

		@RpcMethod("sleep")
		void sleep(long millis);

		@RpcMethod("heap")
		long heap();

	}

	/**
	 * The state of a stream of one batch.
	 *
	 * @param last always true
	 */
	record Only(boolean last) {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Handlers.class)
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
		AwsCredentialsProvider credentials() {
			return StaticCredentialsProvider.create(AwsBasicCredentials.create("access", "secret"));
		}

	}

	/**
	 * Serves numbers, and one batch from memory.
	 */
	@RestController
	static class Handlers implements Pipes, DisposableBean {

		private final BufferAllocator allocator;

		private final AllocatedHeap heap;

		private volatile VectorSchemaRoot root;

		Handlers(BufferAllocator allocator, AllocatedHeap heap) {
			this.allocator = allocator;
			this.heap = heap;
			this.root = VectorSchemaRoot.of();
		}

		@Override
		public double add(double a, double b) {
			return a + b;
		}

		@Override
		public ProducerStream<Void> table() {
			if (this.root.getFieldVectors().isEmpty()) {
				this.root = Payloads.synthetic(this.allocator, Payloads.ROWS);
			}
			return ProducerStream.of(this.root.getSchema(), new Only(true));
		}

		// The same memory, which is not copied.
		@RpcTurn
		Turn next(Only state) {
			List<FieldVector> vectors = new ArrayList<>();
			for (FieldVector vector : this.root.getFieldVectors()) {
				TransferPair pair = vector.getTransferPair(vector.getAllocator());
				pair.splitAndTransfer(0, this.root.getRowCount());
				vectors.add((FieldVector) pair.getTo());
			}
			return Turn.emitLast(new VectorSchemaRoot(vectors));
		}

		@Override
		public void sleep(long millis) {
			try {
				Thread.sleep(millis);
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
		}

		@Override
		public long heap() {
			return this.heap.ofAll();
		}

		@Override
		public void destroy() {
			this.root.close();
		}

	}

}
