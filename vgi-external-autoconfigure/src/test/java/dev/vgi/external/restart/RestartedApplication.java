package dev.vgi.external.restart;

import java.lang.ref.WeakReference;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.env.Environment;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * The application. Says when it is ready, and calls itself when asked to.
 */
@SpringBootApplication
public class RestartedApplication {

	/** Followed by the class loader's number. */
	static final String READY = "READY ";

	private static final Schema NUMBERS = new Schema(List.of(Field.notNullable("n", new ArrowType.Int(64, true))));

	public static void main(String[] arguments) {
		SpringApplication.run(RestartedApplication.class, arguments);
	}

	@EventListener
	void ready(ApplicationReadyEvent event) {
		loaders().add(new WeakReference<>(RestartedApplication.class.getClassLoader()));
		System.out.println(READY + loaders().size());
	}

	// The only place that outlives a restart.
	@SuppressWarnings("unchecked")
	private static List<WeakReference<ClassLoader>> loaders() {
		return (List<WeakReference<ClassLoader>>) System.getProperties()
			.computeIfAbsent("test.loaders", (key) -> new CopyOnWriteArrayList<>());
	}

	/**
	 * The service.
	 */
	@RestController
	static class Places implements PlaceService {

		private final BufferAllocator allocator;

		private final VgiClient.Builder client;

		private final Environment environment;

		Places(BufferAllocator allocator, VgiClient.Builder client, Environment environment) {
			this.allocator = allocator;
			this.client = client;
			this.environment = environment;
		}

		@Override
		public Place move(Place place, double north) {
			return new Place(place.name(), place.tags(), place.north() + north);
		}

		@Override
		public byte[] blank(byte[] data) {
			return new byte[data.length];
		}

		@Override
		public ProducerStream<Void> count(long last) {
			return ProducerStream.of(NUMBERS, new Counted(0, last));
		}

		@RpcTurn
		Turn next(Counted counted) {
			BigIntVector vector = new BigIntVector(NUMBERS.getFields().get(0), this.allocator);
			vector.setSafe(0, counted.n());
			vector.setValueCount(1);
			VectorSchemaRoot row = VectorSchemaRoot.of(vector);
			return (counted.n() == counted.last()) ? Turn.emitLast(row)
					: Turn.emit(row, new Counted(counted.n() + 1, counted.last()));
		}

		/**
		 * Call this service, with an interface that this class loader has loaded.
		 * @return what came of it
		 */
		@GetMapping("/self")
		String self() {
			PlaceService service = new RpcClients(client(), this.allocator).createClient(PlaceService.class);
			return service.move(new Place("here", List.of("a", "b"), 1), 2) + " "
					+ service.blank(new byte[300_000]).length;
		}

		@GetMapping("/vend")
		List<URI> vend() {
			UploadUrl target = client().requestUploadUrls(1).get(0);
			return List.of(target.uploadUrl(), target.downloadUrl());
		}

		private VgiClient client() {
			return this.client.baseUrl("http://127.0.0.1:" + this.environment.getProperty("local.server.port")).build();
		}

		/**
		 * Say what is alive.
		 * @return the loaders that are, the threads of the library by name, and the bytes
		 * that are allocated
		 */
		@GetMapping("/alive")
		Map<String, Object> alive() {
			System.gc();
			Map<String, Integer> threads = new TreeMap<>();
			Thread.getAllStackTraces()
				.keySet()
				.stream()
				.map(Thread::getName)
				.filter((name) -> name.startsWith("vgi-"))
				.forEach((name) -> threads.merge(name, 1, Integer::sum));
			return Map.of("loaders", loaders().stream().map(WeakReference::get).filter(Objects::nonNull).count(),
					"threads", threads, "bytes", this.allocator.getAllocatedMemory());
		}

	}

	/**
	 * The state of a stream.
	 *
	 * @param n the next number
	 * @param last the last one
	 */
	record Counted(long n, long last) {

	}

}
