package dev.vgi.external.autoconfigure;

import java.util.List;
import java.util.Objects;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.web.client.VgiClient;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.http.MediaType;
import org.springframework.util.ClassUtils;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.client.RestClient;
import org.springframework.web.service.annotation.GetExchange;
import org.springframework.web.service.registry.ImportHttpServices;

/**
 * An application that only calls others. Its class path has no Spring MVC and no servlet.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@ImportHttpServices(group = "numbers", types = ServerlessClient.Numbers.class)
public class ServerlessClient {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final int ROWS = 200_000;

	public static void main(String[] args) {
		SpringApplication.run(ServerlessClient.class, args);
	}

	@Bean
	@Order(1)
	CommandLineRunner calls(Numbers numbers, VgiClient.Builder clients, RestClient.Builder rest,
			BufferAllocator allocator, Environment environment) {
		String url = environment.getRequiredProperty("spring.http.serviceclient.numbers.base-url");
		return (args) -> {
			try (VectorSchemaRoot sent = numbers(allocator, ROWS); VectorSchemaRoot doubled = numbers.twice(sent)) {
				System.out.println("typed " + doubled.getRowCount());
			}
			try (VectorSchemaRoot read = numbers.read(ROWS)) {
				System.out.println("exchange " + read.getRowCount());
			}
			try (VectorSchemaRoot read = Objects.requireNonNull(rest.build()
				.get()
				.uri(url + "/numbers/" + ROWS)
				.accept(MediaType.valueOf(ARROW))
				.retrieve()
				.body(VectorSchemaRoot.class))) {
				System.out.println("rest " + read.getRowCount());
			}
			VgiClient client = clients.baseUrl(url).build();
			try (ArrowReader read = client.read("/numbers/" + ROWS, LogSink.discarding())) {
				int rows = 0;
				while (read.loadNextBatch()) {
					rows += read.getVectorSchemaRoot().getRowCount();
				}
				System.out.println("reader " + rows);
			}
			try (AnnotatedBatch sent = AnnotatedBatch.of(numbers(allocator, ROWS));
					AnnotatedBatch count = client.call("/count", sent, LogSink.discarding())) {
				System.out.println("counted " + ((BigIntVector) count.root().getVector(0)).get(0));
			}
		};
	}

	@Bean
	@Order(2)
	CommandLineRunner report(ApplicationContext context) {
		return (args) -> {
			System.out.println("servlets " + ClassUtils.isPresent("jakarta.servlet.Servlet", null));
			System.out.println("context " + context.getClass().getSimpleName());
			if (ClassUtils.isPresent("io.micrometer.core.instrument.Timer", null)) {
				Meters.print(context);
			}
		};
	}

	static VectorSchemaRoot numbers(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return new VectorSchemaRoot(List.of(vector));
	}

	/**
	 * Not loaded without Micrometer.
	 */
	private static final class Meters {

		static void print(ApplicationContext context) {
			MeterRegistry meters = context.getBean(MeterRegistry.class);
			for (String timer : List.of("vgi.external.fetch", "vgi.external.upload")) {
				System.out.println(timer + " " + meters.find(timer).timers().stream().mapToLong(Timer::count).sum());
			}
		}

	}

	/**
	 * What it calls.
	 */
	@RpcService(name = "Numbers", version = "1.0.0")
	public interface Numbers {

		@RpcMethod("twice")
		VectorSchemaRoot twice(VectorSchemaRoot numbers);

		@GetExchange(url = "/numbers/{rows}", accept = ARROW)
		VectorSchemaRoot read(@PathVariable int rows);

	}

}
