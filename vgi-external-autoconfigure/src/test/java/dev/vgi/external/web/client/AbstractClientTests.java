package dev.vgi.external.web.client;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.call.ExchangeCall;
import dev.vgi.external.call.ProducerCall;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

import org.springframework.http.client.ClientHttpRequestFactory;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A client over real HTTP, without Boot, and a service that answers from a script.
 */
abstract class AbstractClientTests {

	final BufferAllocator allocator = new RootAllocator();

	final ScriptedService service = new ScriptedService();

	final List<LogMessage> logs = new ArrayList<>();

	final CallContext context = CallContext.of(this.logs::add);

	final PlainClient plain = new PlainClient(this.allocator);

	@AfterEach
	void nothingIsLeft() {
		this.service.close();
		this.plain.close();
		this.allocator.close();
		assertThat(prefetchThreads()).isEmpty();
	}

	static List<Thread> prefetchThreads() {
		return Thread.getAllStackTraces()
			.keySet()
			.stream()
			.filter((thread) -> thread.getName().equals("vgi-external-prefetch"))
			.toList();
	}

	VgiClient.Builder client() {
		return this.plain.builder(this.service.url()).dialect(Dialect.FLAT);
	}

	VgiClient.Builder client(RestClient.Builder restClient) {
		return this.plain.builder(this.service.url(), restClient).dialect(Dialect.FLAT);
	}

	VgiClient.Builder client(ClientHttpRequestFactory requests) {
		return this.plain.builder(this.service.url(), requests).dialect(Dialect.FLAT);
	}

	AnnotatedBatch request(String method) {
		return ArrowBodies.values(this.allocator,
				BatchMetadata.of(Map.of(MetadataKeys.METHOD, method, MetadataKeys.PROTOCOL, "Some.v1")), 7);
	}

	ProducerCall produce(VgiClient client, boolean header) {
		try (AnnotatedBatch request = request("produce")) {
			return client.openProducer(request, header, this.context);
		}
	}

	ExchangeCall exchange(VgiClient client) {
		try (AnnotatedBatch request = request("talk")) {
			return client.openExchange(request, false, this.context);
		}
	}

	static List<Long> values(@Nullable AnnotatedBatch batch) {
		assertThat(batch).isNotNull();
		try (batch) {
			BigIntVector vector = (BigIntVector) batch.root().getVector("value");
			List<Long> values = new ArrayList<>();
			for (int i = 0; i < batch.rowCount(); i++) {
				values.add(vector.get(i));
			}
			return values;
		}
	}

	List<Long> drain(ProducerCall stream) {
		List<Long> values = new ArrayList<>();
		for (AnnotatedBatch batch = stream.next(); batch != null; batch = stream.next()) {
			values.addAll(values(batch));
		}
		return values;
	}

	List<String> messages() {
		return this.logs.stream().map(LogMessage::message).toList();
	}

	/**
	 * Return the cursors that the turns of a method brought, a cancellation in brackets.
	 * @param path the path of the turns
	 * @return the cursors in order
	 */
	List<String> cursors(String path) {
		return this.service.requests()
			.stream()
			.filter((request) -> request.path().equals(path))
			.map((request) -> request.metadata().contains(MetadataKeys.CANCEL)
					? "[" + request.metadata().get(MetadataKeys.STREAM_STATE) + "]"
					: String.valueOf(request.metadata().get(MetadataKeys.STREAM_STATE)))
			.toList();
	}

}
