package dev.vgi.external;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.Channels;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.autoconfigure.security.TransferTenant;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.NumbersReader;
import dev.vgi.external.location.Publications;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.web.client.VgiClient;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;

import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * A service whose callers may be known, and belong to the tenant of a header. The filter
 * forgets the tenant when the request's first thread is done.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(BoundPointersApplication.Controller.class)
class BoundPointersApplication {

	static final Schema NUMBERS = new Schema(
			List.of(new Field("value", FieldType.notNullable(new ArrowType.Int(64, true)), null)));

	private static final ThreadLocal<@Nullable String> TENANT = new ThreadLocal<>();

	static VectorSchemaRoot numbers(int rows, BufferAllocator allocator) {
		VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, allocator);
		BigIntVector vector = (BigIntVector) root.getVector(0);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, 21);
		}
		root.setRowCount(rows);
		return root;
	}

	static byte[] blobCall(long size, BufferAllocator allocator) {
		BigIntVector vector = (BigIntVector) new Field("size", NUMBERS.getFields().get(0).getFieldType(), null)
			.createVector(allocator);
		vector.setSafe(0, size);
		vector.setValueCount(1);
		try (AnnotatedBatch batch = AnnotatedBatch.of(new VectorSchemaRoot(List.<FieldVector>of(vector)))
			.withMetadata(BatchMetadata.of(Map.of(MetadataKeys.METHOD, "blob", MetadataKeys.REQUEST_VERSION, "1")))) {
			return Loopback.bytes(batch);
		}
	}

	static byte[] stream(Schema schema, List<AnnotatedBatch> batches) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (GatheredStream stream = IpcStreamWriter.gather(schema, batches)) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	@Bean
	SecurityFilterChain security(HttpSecurity http) throws Exception {
		return http.csrf((csrf) -> csrf.disable())
			.authorizeHttpRequests((requests) -> requests.anyRequest().permitAll())
			.httpBasic(Customizer.withDefaults())
			.build();
	}

	@Bean
	UserDetailsService users() {
		return new InMemoryUserDetailsManager(User.withUsername("ann").password("{noop}secret").build(),
				User.withUsername("bob").password("{noop}secret").build());
	}

	@Bean
	Filter tenants() {
		return (request, response, chain) -> {
			TENANT.set(((HttpServletRequest) request).getHeader("X-Tenant"));
			try {
				chain.doFilter(request, response);
			}
			finally {
				TENANT.remove();
			}
		};
	}

	@Bean
	TransferTenant transferTenant() {
		return TENANT::get;
	}

	@Bean
	Publications<String> publications() {
		return new Publications<>(java.time.Clock.systemUTC());
	}

	/**
	 * The contract.
	 */
	@RpcService("Bound")
	interface BoundService {

		@RpcMethod("twice")
		long twice(long value);

		@RpcMethod("length")
		long length(byte[] bytes);

		@RpcMethod("blob")
		byte[] blob(long size);

		@RpcMethod("add")
		ExchangeStream<Void> add();

		@RpcMethod("emit")
		ExchangeStream<Void> emit();

	}

	/**
	 * RPC methods and ordinary handlers.
	 */
	@RestController
	static class Controller implements BoundService {

		private final BufferAllocator allocator;

		private final Externalizer externalizer;

		private final Publications<String> publications;

		private final VgiClient.Builder client;

		Controller(BufferAllocator allocator, Externalizer externalizer, Publications<String> publications,
				VgiClient.Builder client) {
			this.allocator = allocator;
			this.externalizer = externalizer;
			this.publications = publications;
			this.client = client;
		}

		@Override
		public long twice(long value) {
			return 2 * value;
		}

		@Override
		public long length(byte[] bytes) {
			return bytes.length;
		}

		@Override
		public byte[] blob(long size) {
			return new byte[(int) size];
		}

		@Override
		public ExchangeStream<Void> add() {
			return ExchangeStream.of(NUMBERS, NUMBERS, new Sum(0));
		}

		@RpcTurn
		Turn add(Sum sum, VectorSchemaRoot input) {
			return Turn.emit(numbers(1, this.allocator), new Sum(sum.rows() + input.getRowCount()));
		}

		@Override
		public ExchangeStream<Void> emit() {
			return ExchangeStream.of(NUMBERS, NUMBERS, new Size(1000));
		}

		@RpcTurn
		Turn emit(Size size, VectorSchemaRoot input) {
			return Turn.emit(numbers(size.rows(), this.allocator), size);
		}

		@PostMapping("/rows")
		String rows(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

		@PostMapping("/all")
		String all(@RequestBody List<AnnotatedBatch> batches) {
			return String.valueOf(batches.stream().mapToLong(AnnotatedBatch::rowCount).sum());
		}

		@PostMapping("/lazily")
		String lazily(@RequestBody ArrowReader reader) throws IOException {
			long rows = 0;
			while (reader.loadNextBatch()) {
				rows += reader.getVectorSchemaRoot().getRowCount();
			}
			return String.valueOf(rows);
		}

		@PostMapping("/later")
		Callable<String> later(@RequestBody VectorSchemaRoot root) {
			return () -> String.valueOf(root.getRowCount());
		}

		@GetMapping("/result")
		VectorSchemaRoot result() {
			return numbers(1000, this.allocator);
		}

		@GetMapping("/async")
		Callable<VectorSchemaRoot> async() {
			return this::result;
		}

		@GetMapping("/reader")
		ArrowReader reader() {
			return new NumbersReader(4, 1000);
		}

		@GetMapping("/published")
		AnnotatedBatch published() {
			try (AnnotatedBatch batch = AnnotatedBatch.of(result())) {
				return this.externalizer.publish(batch).pointerBatch(batch, this.allocator);
			}
		}

		@GetMapping("/shared")
		AnnotatedBatch shared() {
			try (AnnotatedBatch batch = AnnotatedBatch.of(result())) {
				ExternalRef ref = this.publications.get("shared", () -> this.externalizer.publish(batch));
				return ref.pointerBatch(batch, this.allocator);
			}
		}

		/** Publishes in a thread that knows the request, but not who is authenticated. */
		@GetMapping("/thread")
		AnnotatedBatch inThread() {
			RequestAttributes request = RequestContextHolder.currentRequestAttributes();
			return CompletableFuture.supplyAsync(() -> publishFor(request), (task) -> new Thread(task).start()).join();
		}

		/** Publishes when what is left of the request is of no use any more. */
		@GetMapping("/late")
		CompletableFuture<AnnotatedBatch> late() {
			RequestAttributes request = RequestContextHolder.currentRequestAttributes();
			return CompletableFuture.supplyAsync(() -> {
				Awaitility.await()
					.until(() -> catchThrowable(
							() -> request.getAttribute("any", RequestAttributes.SCOPE_REQUEST)) != null);
				return publishFor(request);
			}, (task) -> new Thread(task).start());
		}

		private AnnotatedBatch publishFor(RequestAttributes request) {
			RequestContextHolder.setRequestAttributes(request);
			return published();
		}

		URI publish() {
			try (AnnotatedBatch batch = AnnotatedBatch.of(result())) {
				return this.externalizer.publish(batch).url();
			}
		}

		/** Calls this very service. */
		@PostMapping("/relay")
		String relay(HttpServletRequest request) {
			VgiClient self = this.client.baseUrl("http://127.0.0.1:" + request.getLocalPort()).build();
			BoundService service = new RpcClients(self, this.allocator).createClient(BoundService.class);
			return String.valueOf(service.blob(service.length(new byte[200_000]) / 40).length);
		}

	}

	/**
	 * What has been sent.
	 *
	 * @param rows number of rows
	 */
	record Sum(long rows) {

	}

	/**
	 * What is emitted.
	 *
	 * @param rows number of rows
	 */
	record Size(int rows) {

	}

}
