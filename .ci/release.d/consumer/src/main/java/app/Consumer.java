package app;

import dev.vgi.external.location.ExternalLocationConfig;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * Serves a batch and asks for it, with nothing but the starter.
 */
@SpringBootApplication
@RestController
public class Consumer {

	private final BufferAllocator allocator;

	Consumer(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	@GetMapping("/numbers")
	VectorSchemaRoot numbers() {
		BigIntVector numbers = new BigIntVector("n", this.allocator);
		numbers.setSafe(0, 42);
		numbers.setValueCount(1);
		VectorSchemaRoot root = VectorSchemaRoot.of(numbers);
		root.setRowCount(1);
		return root;
	}

	public static void main(String[] arguments) {
		try (var context = SpringApplication.run(Consumer.class, "--server.port=0")) {
			context.getBean(ExternalLocationConfig.class);
			String address = "http://localhost:" + context.getEnvironment().getProperty("local.server.port");
			RestClient client = context.getBean(RestClient.Builder.class).baseUrl(address).build();
			try (VectorSchemaRoot root = client.get().uri("/numbers").retrieve().body(VectorSchemaRoot.class)) {
				if (((BigIntVector) root.getVector("n")).get(0) != 42) {
					throw new IllegalStateException("another number came back");
				}
			}
		}
	}

}
