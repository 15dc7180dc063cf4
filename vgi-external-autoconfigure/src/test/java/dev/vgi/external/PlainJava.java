package dev.vgi.external;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageHandler;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.url.AllowedUrlValidator;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * A program without Spring Boot, and without any Spring context: the one that
 * docs/plain-java.md shows.
 */
public final class PlainJava {

	private PlainJava() {
	}

	public static void main(String[] args) throws Exception {
		run(Path.of(args[0]));
	}

	private static void run(Path folder) throws IOException {
		// [program]
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		URI baseUrl = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
		LocalStorage storage = new LocalStorage(LocalStorageSettings.of(folder), () -> baseUrl, Clock.systemUTC());
		server.createContext(LocalStorage.PATH, new LocalStorageHandler(storage));
		server.setExecutor((exchange) -> new Thread(exchange).start());
		server.start();

		try (BufferAllocator allocator = new RootAllocator();
				TransferResources resources = TransferResources.create()) {
			// Who sends: stores what has 1 MB or more and sends a pointer instead.
			ExternalLocationConfig sending = ExternalLocationConfig.defaults().withStorage(storage);
			Externalizer externalizer = new Externalizer(sending, resources, allocator);
			AnnotatedBatch pointer = externalizer.externalize(OutputCycle.of(numbers(allocator, 200_000))).data();

			// Here it travels: IpcStreamWriter writes it, IpcStreamReader reads it.
			System.out.println("sent " + pointer.rowCount() + " rows");

			// Who receives: fetches from the sender's host and from nowhere else.
			UrlValidator policy = AllowedUrlValidator.builder().schemes("http").hosts("127.0.0.1").build();
			ExternalLocationConfig receiving = ExternalLocationConfig.defaults().withUrlValidator(policy);
			LocationResolver resolver = new LocationResolver(receiving, resources);
			try (AnnotatedBatch received = resolver.resolve(pointer, allocator, LogSink.discarding())) {
				System.out.println("received " + received.rowCount() + " rows");
			}
		}
		server.stop(0);
		// [program]
	}

	private static AnnotatedBatch numbers(BufferAllocator allocator, int rows) {
		BigIntVector vector = new BigIntVector("n", allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

}
