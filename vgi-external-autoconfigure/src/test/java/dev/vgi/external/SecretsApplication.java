package dev.vgi.external;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import com.google.api.gax.core.CredentialsProvider;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.actuate.web.exchanges.InMemoryHttpExchangeRepository;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/**
 * The application whose secrets are searched for.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(SecretsApplication.SecretController.class)
class SecretsApplication {

	static final Schema SCHEMA = new Schema(
			List.of(new Field("n", FieldType.notNullable(new ArrowType.Int(64, true)), null)));

	@Bean
	AwsCredentialsProvider credentials() {
		return StaticCredentialsProvider
			.create(AwsSessionCredentials.create("key", SecretsScenario.SECRET_KEY, SecretsScenario.SESSION_TOKEN));
	}

	/** Boot's property takes no port. */
	@Bean
	@ConditionalOnProperty("google")
	Storage googleStorage(CredentialsProvider credentials, @Value("${google}") String host) throws IOException {
		return StorageOptions.newBuilder()
			.setProjectId("project")
			.setCredentials(credentials.getCredentials())
			.setHost(host)
			.build()
			.getService();
	}

	@Bean
	InMemoryHttpExchangeRepository httpExchangeRepository() {
		InMemoryHttpExchangeRepository repository = new InMemoryHttpExchangeRepository();
		repository.setCapacity(1000);
		return repository;
	}

	@Bean
	Observations observations() {
		return new Observations();
	}

	/**
	 * The contract.
	 */
	@RpcService("Secrets")
	interface SecretService {

		@RpcMethod("add_one")
		long addOne(long n);

		@RpcMethod("blob")
		byte[] blob(long size);

		@RpcMethod("length")
		long length(byte[] data);

		@RpcMethod("count")
		ProducerStream<Void> count(long last);

	}

	/**
	 * The state of a stream, which callers get sealed.
	 *
	 * @param n the number of its turn
	 * @param last the last number
	 */
	record Counted(long n, long last) {

	}

	/**
	 * An RPC service and ordinary handlers.
	 */
	@RestController
	static class SecretController implements SecretService {

		private final BufferAllocator allocator;

		SecretController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@Override
		public long addOne(long n) {
			return n + 1;
		}

		@Override
		public byte[] blob(long size) {
			return new byte[(int) size];
		}

		@Override
		public long length(byte[] data) {
			return data.length;
		}

		@Override
		public ProducerStream<Void> count(long last) {
			return ProducerStream.of(SCHEMA, new Counted(0, last));
		}

		@RpcTurn
		Turn next(Counted counted) {
			VectorSchemaRoot root = rows(1);
			return (counted.n() == counted.last()) ? Turn.emitLast(root)
					: Turn.emit(root, new Counted(counted.n() + 1, counted.last()));
		}

		@PostMapping("/rows")
		String rows(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

		@GetMapping("/numbers/{rows}")
		AnnotatedBatch numbers(@PathVariable int rows) {
			return AnnotatedBatch.of(rows(rows));
		}

		private VectorSchemaRoot rows(int rows) {
			VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator);
			BigIntVector vector = (BigIntVector) root.getVector(0);
			vector.allocateNew(rows);
			for (int i = 0; i < rows; i++) {
				vector.set(i, i);
			}
			root.setRowCount(rows);
			return root;
		}

	}

	/**
	 * Writes down everything that an observation tells, one line each.
	 */
	static final class Observations implements ObservationHandler<Observation.Context> {

		private final List<String> seen = new CopyOnWriteArrayList<>();

		List<String> seen() {
			return this.seen;
		}

		@Override
		public void onEvent(Observation.Event event, Observation.Context context) {
			see(context, "event", event.getName() + " " + event.getContextualName());
		}

		@Override
		public void onStop(Observation.Context context) {
			see(context, "name", String.valueOf(context.getContextualName()));
			context.getAllKeyValues().forEach((pair) -> see(context, pair.getKey(), pair.getValue()));
			if (context.getError() != null) {
				StringWriter text = new StringWriter();
				context.getError().printStackTrace(new PrintWriter(text, true));
				see(context, "error", text.toString());
			}
		}

		private void see(Observation.Context context, String what, String text) {
			this.seen.add(context.getName() + " " + what + " " + text.replace("\n", " "));
		}

		@Override
		public boolean supportsContext(Observation.Context context) {
			return true;
		}

	}

}
