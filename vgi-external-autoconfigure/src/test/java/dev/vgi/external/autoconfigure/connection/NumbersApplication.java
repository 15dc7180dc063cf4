package dev.vgi.external.autoconfigure.connection;

import java.util.Objects;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * A service with results that go to storage, and a client of its own that fetches them
 * from there.
 */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration(excludeName = {
		"org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
		"org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration",
		"org.springframework.boot.security.autoconfigure.actuate.web.servlet.ManagementWebSecurityAutoConfiguration" })
@Import(NumbersApplication.Numbers.class)
public class NumbersApplication {

	/** More than the threshold. */
	static final int LARGE = 200_000;

	/** More than one part. */
	static final int HUGE = 1_500_000;

	static long sum(ApplicationContext context, int count) {
		String port = context.getEnvironment().getRequiredProperty("local.server.port");
		try (VectorSchemaRoot root = context.getBean(RestClient.Builder.class)
			.baseUrl("http://localhost:" + port)
			.build()
			.get()
			.uri("/numbers/" + count)
			.retrieve()
			.body(VectorSchemaRoot.class)) {
			BigIntVector numbers = (BigIntVector) Objects.requireNonNull(root).getVector("number");
			long sum = 0;
			for (int i = 0; i < root.getRowCount(); i++) {
				sum += numbers.get(i);
			}
			return sum;
		}
	}

	static long expected(int count) {
		return (long) count * (count - 1) / 2;
	}

	@RestController
	static class Numbers {

		private final BufferAllocator allocator;

		Numbers(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/numbers/{count}")
		VectorSchemaRoot numbers(@PathVariable int count) {
			BigIntVector numbers = new BigIntVector("number", this.allocator);
			numbers.allocateNew(count);
			for (int i = 0; i < count; i++) {
				numbers.set(i, i);
			}
			numbers.setValueCount(count);
			return VectorSchemaRoot.of(numbers);
		}

	}

}
