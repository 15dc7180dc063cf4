package dev.vgi.external.storage.custom;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/**
 * A service with a local store, for a process of its own.
 */
public final class KilledService {

	private KilledService() {
	}

	public static void main(String[] args) {
		SpringApplication.run(Application.class, args);
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(Numbers.class)
	static class Application {

	}

	@RestController
	static class Numbers {

		private final BufferAllocator allocator;

		Numbers(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@PostMapping("/negate")
		AnnotatedBatch negate(@RequestBody AnnotatedBatch numbers) {
			BigIntVector given = (BigIntVector) numbers.root().getVector("n");
			BigIntVector negated = new BigIntVector("n", this.allocator);
			negated.allocateNew(given.getValueCount());
			for (int i = 0; i < given.getValueCount(); i++) {
				negated.set(i, -given.get(i));
			}
			negated.setValueCount(given.getValueCount());
			return AnnotatedBatch.of(VectorSchemaRoot.of(negated));
		}

	}

}
