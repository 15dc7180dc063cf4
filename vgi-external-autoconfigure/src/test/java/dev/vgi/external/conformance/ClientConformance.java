package dev.vgi.external.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ProtocolVersionException;
import dev.vgi.external.conformance.ConformanceTypes.BoundingBox;
import dev.vgi.external.conformance.ConformanceTypes.ConformanceHeader;
import dev.vgi.external.conformance.ConformanceTypes.Point;
import dev.vgi.external.conformance.ConformanceTypes.RichHeader;
import dev.vgi.external.conformance.ConformanceTypes.Status;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.logging.LogLevel;
import org.springframework.boot.logging.LoggingSystem;

/**
 * Our client against a server that is not ours: a row per feature. The server serves the
 * conformance service. One over HTTP stores from 4096 bytes on and takes requests of up
 * to 4096 bytes.
 * <p>
 * Arguments: a name, where the server is ({@link ConformancePeer}), and what it does not
 * have. Prints a line per row and exits with 1 if one fails.
 */
public final class ClientConformance {

	private static final int LARGE = 100_000;

	private static final String CAPABILITIES = "capabilities";

	/** What a server that stores nothing does not have. */
	private static final String STORAGE = "storage";

	private final List<LogMessage> logs;

	private final ConformancePeer peer;

	private final boolean stored;

	private final ConformanceService service;

	private final ConformanceStreams streams;

	private ClientConformance(ConformancePeer peer, boolean stored) {
		this.peer = peer;
		this.stored = stored;
		this.logs = peer.logs();
		this.logs.clear();
		this.service = peer.client(ConformanceService.class);
		this.streams = peer.client(ConformanceStreams.class);
	}

	public static void main(String[] args) throws Exception {
		LoggingSystem.get(ClientConformance.class.getClassLoader())
			.setLogLevel(LoggingSystem.ROOT_LOGGER_NAME, LogLevel.WARN);
		String name = args[0];
		Set<String> without = new TreeSet<>(Arrays.asList(args).subList(2, args.length));
		int failed = 0;
		int passed = 0;
		for (String variant : List.of("prefetch", "no-prefetch")) {
			try (ConformancePeer peer = ConformancePeer.of(args[1], variant.equals("prefetch"))) {
				for (Map.Entry<String, Row> entry : rows().entrySet()) {
					String row = entry.getKey();
					if (without.contains(row) || (row.equals(CAPABILITIES) && peer.http() == null)) {
						report(name, variant, row, "SKIPPED: not on this server");
						continue;
					}
					String failure = run(peer, !without.contains(STORAGE), entry.getValue());
					if (failure != null) {
						failed++;
						report(name, variant, row, "FAILED: " + failure);
					}
					else {
						passed++;
						report(name, variant, row, "passed");
					}
				}
			}
		}
		System.out.printf(Locale.ROOT, "%s: %d passed, %d failed%n", name, passed, failed);
		System.exit((failed == 0) ? 0 : 1);
	}

	private static void report(String name, String variant, String row, String verdict) {
		System.out.printf(Locale.ROOT, "%-12s %-12s %-24s %s%n", name, variant, row, verdict);
	}

	private static @Nullable String run(ConformancePeer peer, boolean stored, Row row) {
		try {
			row.run(new ClientConformance(peer, stored));
			peer.requireNothingLeft();
			return null;
		}
		catch (Throwable ex) {
			return ex.toString();
		}
	}

	private static Map<String, Row> rows() {
		Map<String, Row> rows = new LinkedHashMap<>();
		rows.put("unary", ClientConformance::unary);
		rows.put("types", ClientConformance::types);
		rows.put("logs", ClientConformance::logs);
		rows.put("producer", ClientConformance::producer);
		rows.put("producer-empty", ClientConformance::producerEmpty);
		rows.put("producer-logs", ClientConformance::producerLogs);
		rows.put("exchange", ClientConformance::exchange);
		rows.put("exchange-zero-columns", ClientConformance::exchangeZeroColumns);
		rows.put("header", ClientConformance::header);
		rows.put("rich-header", ClientConformance::richHeader);
		rows.put("cancel-producer", ClientConformance::cancelProducer);
		rows.put("cancel-exchange", ClientConformance::cancelExchange);
		rows.put("errors-unary", ClientConformance::errorsUnary);
		rows.put("errors-producer", ClientConformance::errorsProducer);
		rows.put("errors-exchange", ClientConformance::errorsExchange);
		rows.put("error-unknown-method", ClientConformance::errorUnknownMethod);
		rows.put("error-version", ClientConformance::errorVersion);
		rows.put("large-input-unary", ClientConformance::largeInputUnary);
		rows.put("large-input-exchange", ClientConformance::largeInputExchange);
		rows.put("large-output-unary", ClientConformance::largeOutputUnary);
		rows.put("large-output-producer", ClientConformance::largeOutputProducer);
		rows.put("large-output-exchange", ClientConformance::largeOutputExchange);
		rows.put(CAPABILITIES, ClientConformance::capabilities);
		return rows;
	}

	private void unary() {
		requireEqual(this.service.echoString("grüße"), "grüße");
		requireEqual(this.service.echoInt(Long.MIN_VALUE), Long.MIN_VALUE);
		requireEqual(this.service.addFloats(1.5, 2.25), 3.75);
		this.service.voidNoop();
	}

	private void types() {
		requireEqual(this.service.echoEnum(Status.ACTIVE), Status.ACTIVE);
		requireEqual(this.service.echoList(List.of("a", "b")), List.of("a", "b"));
		requireEqual(this.service.echoDict(Map.of("a", 1L)), Map.of("a", 1L));
		requireEqual(this.service.echoOptionalString(null), null);
		BoundingBox box = new BoundingBox(new Point(0, 1), new Point(1, 0), "box");
		requireEqual(this.service.echoBoundingBox(box), box);
		requireEqual(this.service.echoDictEncodedString("once"), "once");
	}

	private void logs() {
		requireEqual(this.service.echoWithInfoLog("x"), "x");
		requireEqual(messages(), List.of("info: x"));
	}

	private void producer() {
		try (ProducerStream<Void> stream = this.streams.produceN(5)) {
			requireEqual(drain(stream), List.of(0L, 10L, 20L, 30L, 40L));
		}
	}

	private void producerEmpty() {
		try (ProducerStream<Void> stream = this.streams.produceEmpty()) {
			requireEqual(drain(stream), List.of());
		}
	}

	private void producerLogs() {
		try (ProducerStream<Void> stream = this.streams.produceWithLogs(2)) {
			requireEqual(drain(stream), List.of(0L, 10L));
		}
		requireEqual(messages(), List.of("producing batch 0", "producing batch 1"));
	}

	private void exchange() {
		try (ExchangeStream<Void> stream = this.streams.exchangeScale(2.5)) {
			requireEqual(say(stream, 1, 2), List.of(2.5, 5.0));
			requireEqual(say(stream), List.of());
			requireEqual(say(stream, 4), List.of(10.0));
		}
		try (ExchangeStream<Void> stream = this.streams.exchangeAccumulate()) {
			requireEqual(say(stream, 1, 2), List.of(3.0));
			requireEqual(say(stream, 4), List.of(7.0));
		}
	}

	private void exchangeZeroColumns() {
		try (ExchangeStream<Void> stream = this.streams.exchangeZeroColumns();
				AnnotatedBatch nothing = AnnotatedBatch.of(new VectorSchemaRoot(List.of()))) {
			stream.exchange(nothing).close();
			stream.exchange(nothing).close();
		}
	}

	private void header() {
		try (ProducerStream<ConformanceHeader> stream = this.streams.produceWithHeaderAndLogs(2)) {
			requireEqual(stream.header(), new ConformanceHeader(2, "producing 2 with logs"));
			requireEqual(drain(stream), List.of(0L, 10L));
		}
		requireEqual(messages(), List.of("stream init log"));
		try (ExchangeStream<ConformanceHeader> stream = this.streams.exchangeWithHeader(3)) {
			requireEqual(stream.header().totalExpected(), 0L);
			requireEqual(say(stream, 1), List.of(3.0));
		}
	}

	private void richHeader() {
		try (ProducerStream<RichHeader> stream = this.streams.produceWithRichHeader(4, 1)) {
			requireEqual(stream.header().strField(), "seed-4");
			requireEqual(drain(stream), List.of(0L));
		}
		try (ExchangeStream<RichHeader> stream = this.streams.exchangeWithRichHeader(5, 2)) {
			requireEqual(stream.header().strField(), "seed-5");
			requireEqual(say(stream, 1), List.of(2.0));
		}
	}

	private void cancelProducer() {
		this.service.resetCancelProbe();
		try (ProducerStream<Void> stream = this.streams.cancellableProducer()) {
			stream.next().close();
			stream.next().close();
		}
		requireEqual(this.service.cancelProbeCounters().get(2), 1L);
	}

	private void cancelExchange() {
		this.service.resetCancelProbe();
		try (ExchangeStream<Void> stream = this.streams.cancellableExchange()) {
			requireEqual(say(stream, 1), List.of(1.0));
		}
		requireEqual(this.service.cancelProbeCounters().get(2), 1L);
	}

	private void errorsUnary() {
		ErrorBatchException error = requireError(() -> this.service.raiseValueError("boom"), "boom");
		requireEqual(error.errorType(), "ValueError");
		requireEqual(error.errorMessage(), "boom");
		unary();
	}

	private void errorsProducer() {
		// Over a pipe it comes with the first turn, as the server is silent before.
		requireError(() -> {
			try (ProducerStream<Void> stream = this.streams.produceErrorOnInit()) {
				stream.hasNext();
			}
		}, "intentional init error");
		try (ProducerStream<Void> stream = this.streams.produceErrorMidStream(2)) {
			stream.next().close();
			stream.next().close();
			requireError(stream::hasNext, "intentional error after 2 batches");
			require(!stream.hasNext(), "the stream must be over");
		}
		unary();
	}

	private void errorsExchange() {
		requireError(() -> {
			try (ExchangeStream<Void> stream = this.streams.exchangeErrorOnInit()) {
				say(stream, 1);
			}
		}, "intentional exchange init error");
		try (ExchangeStream<Void> stream = this.streams.exchangeErrorOnNth(2)) {
			say(stream, 1);
			requireError(() -> say(stream, 2), "intentional error on exchange 2");
		}
		unary();
	}

	private void errorUnknownMethod() {
		UnknownService unknown = this.peer.client(UnknownService.class);
		ErrorBatchException error = requireError(unknown::noSuchMethod, "");
		requireEqual(error.errorKind(), "method_not_implemented");
	}

	private void errorVersion() {
		OldService old = this.peer.client(OldService.class);
		ErrorBatchException error = requireError(() -> old.echo("x"), "");
		require(error instanceof ProtocolVersionException, "must be of its own type, not " + error);
	}

	private void largeInputUnary() {
		byte[] large = new byte[LARGE];
		large[LARGE - 1] = 1;
		require(Arrays.equals(this.service.echoBytes(large), large), "must come back");
	}

	private void largeInputExchange() {
		double[] values = new double[2000];
		Arrays.setAll(values, (i) -> i);
		try (ExchangeStream<Void> stream = this.streams.exchangeScale(2)) {
			for (int turn = 0; turn < 2; turn++) {
				List<Double> answer = say(stream, values);
				requireEqual(answer.size(), 2000);
				requireEqual(answer.get(1999), 3998.0);
			}
		}
	}

	private void largeOutputUnary() {
		String large = "x".repeat(3000) + "y".repeat(LARGE);
		requireEqual(this.service.echoLargeString(large), large);
	}

	private void largeOutputProducer() {
		List<Integer> rows = new ArrayList<>();
		try (ProducerStream<Void> stream = this.streams.produceLargeBatches(2000, 3)) {
			while (stream.hasNext()) {
				try (AnnotatedBatch batch = stream.next()) {
					rows.add(batch.rowCount());
					requireStored(batch);
					require(!batch.metadata().contains(MetadataKeys.STREAM_STATE), "must not show its token");
				}
			}
		}
		requireEqual(rows, List.of(2000, 2000, 2000));
	}

	private void largeOutputExchange() {
		try (ExchangeStream<Void> stream = this.streams.exchangeScale(1)) {
			for (int turn = 0; turn < 2; turn++) {
				try (AnnotatedBatch input = doubles(new double[2000]); AnnotatedBatch answer = stream.exchange(input)) {
					requireEqual(answer.rowCount(), 2000);
					requireStored(answer);
					require(!answer.metadata().contains(MetadataKeys.STREAM_STATE), "must not show its token");
				}
			}
		}
	}

	private void capabilities() {
		VgiClient client = Objects.requireNonNull(this.peer.http());
		require(client.capabilities().uploadUrlSupport(), "must vend upload URLs");
		requireEqual(client.capabilities().maxRequestBytes(), 4096L);
		requireEqual(client.requestUploadUrls(2).size(), 2);
	}

	private void requireStored(AnnotatedBatch batch) {
		requireEqual(batch.metadata().contains(MetadataKeys.LOCATION_SOURCE), this.stored);
	}

	private List<String> messages() {
		return this.logs.stream().map(LogMessage::message).toList();
	}

	private static List<Long> drain(ProducerStream<?> stream) {
		List<Long> values = new ArrayList<>();
		stream.forEachRemaining((batch) -> {
			try (batch) {
				BigIntVector vector = (BigIntVector) batch.root().getVector("value");
				for (int i = 0; i < batch.rowCount(); i++) {
					values.add(vector.get(i));
				}
			}
		});
		return values;
	}

	private List<Double> say(ExchangeStream<?> stream, double... values) {
		try (AnnotatedBatch input = doubles(values); AnnotatedBatch answer = stream.exchange(input)) {
			List<Double> answers = new ArrayList<>();
			for (int i = 0; i < answer.rowCount(); i++) {
				answers.add(((Float8Vector) answer.root().getVector(0)).get(i));
			}
			return answers;
		}
	}

	private AnnotatedBatch doubles(double[] values) {
		Float8Vector vector = new Float8Vector("value", this.peer.allocator());
		vector.allocateNew(Math.max(1, values.length));
		for (int i = 0; i < values.length; i++) {
			vector.set(i, values[i]);
		}
		vector.setValueCount(values.length);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))).withMetadata(BatchMetadata.empty());
	}

	private static ErrorBatchException requireError(Runnable action, String text) {
		try {
			action.run();
		}
		catch (ErrorBatchException ex) {
			require(ex.errorMessage().contains(text), "must say '" + text + "', not '" + ex.errorMessage() + "'");
			return ex;
		}
		throw new IllegalStateException("must fail with '" + text + "'");
	}

	private static void requireEqual(@Nullable Object actual, @Nullable Object expected) {
		require(Objects.equals(actual, expected), "expected " + expected + " but got " + actual);
	}

	private static void require(boolean condition, String text) {
		if (!condition) {
			throw new IllegalStateException(text);
		}
	}

	/**
	 * One feature.
	 */
	@FunctionalInterface
	private interface Row {

		void run(ClientConformance client);

	}

	/**
	 * Asks for what nobody has.
	 */
	@RpcService(name = "ConformanceService", version = "2.0.0")
	interface UnknownService {

		@RpcMethod("no_such_method")
		String noSuchMethod();

	}

	/**
	 * The same protocol as it was long ago.
	 */
	@RpcService(name = "ConformanceService", version = "0.9.0")
	interface OldService {

		@RpcMethod("echo_string")
		String echo(String value);

	}

}
