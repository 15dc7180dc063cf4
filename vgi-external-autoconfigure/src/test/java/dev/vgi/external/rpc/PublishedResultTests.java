package dev.vgi.external.rpc;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.conformance.ConformanceTypes.Point;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.Publications;
import dev.vgi.external.rpc.client.RpcClients;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.web.client.PlainClient;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for results that are published once and answered by reference, with the embedded
 * local store.
 */
@NullUnmarked
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "vgi.external.externalize-threshold=4KB", "vgi.rpc.max-response-size=64KB",
				"vgi.rpc.max-externalized-response-size=16KB" })
class PublishedResultTests {

	private static final Schema NUMBERS = new Schema(List.of(Field.notNullable("n", new ArrowType.Int(64, true))));

	@TempDir
	static Path folder;

	private final BufferAllocator allocator = new RootAllocator();

	private final PlainClient plain = new PlainClient(this.allocator);

	private final List<LogMessage> logs = new ArrayList<>();

	private Loopback loopback;

	private Catalog catalog;

	@Autowired
	private BufferAllocator serverAllocator;

	@LocalServerPort
	private int port;

	@DynamicPropertySource
	static void properties(DynamicPropertyRegistry registry) {
		registry.add("vgi.external.local.directory", () -> folder.toString());
	}

	@BeforeEach
	void connect() {
		this.loopback = new Loopback(this.port, "", this.allocator);
		VgiClient service = this.plain.builder(this.loopback.base()).build();
		this.catalog = new RpcClients(service, this.allocator, this.logs::add).createClient(Catalog.class);
	}

	@AfterEach
	void nothingIsKept() {
		this.plain.close();
		this.allocator.close();
		Awaitility.await()
			.atMost(Duration.ofSeconds(5))
			.pollInterval(Duration.ofMillis(5))
			.until(() -> this.serverAllocator.getAllocatedMemory() == 0);
	}

	@ParameterizedTest
	@ValueSource(ints = { 2, 8 << 10, 256 << 10 })
	void aValueOfAnySizeIsPublishedOnceAndResolved(int length) {
		String value = "x".repeat(length);
		long before = objects();
		BatchMetadata first = pointer(value, true);
		assertThat(objects()).isEqualTo(before + 1);
		assertThat(pointer(value, true)).isEqualTo(first);
		assertThat(this.catalog.publishedString(value.substring(1), value.substring(0, 1), true).value())
			.isEqualTo(value);
		assertThat(objects()).isEqualTo(before + 1);
	}

	@Test
	void theDigestIsLeftOutOnRequest() {
		BatchMetadata with = pointer("digest", true);
		BatchMetadata without = pointer("digest", false);
		assertThat(with.get(MetadataKeys.LOCATION_SHA256)).hasSize(64);
		assertThat(without.asMap()).containsOnlyKeys(MetadataKeys.LOCATION);
		assertThat(without.get(MetadataKeys.LOCATION)).isEqualTo(with.get(MetadataKeys.LOCATION));
		assertThat(this.catalog.publishedString("digest", "", false).value()).isEqualTo("digest");
	}

	@Test
	void logsComeAheadOfTheReference() {
		assertThat(this.catalog.publishedString("logged", "", true).value()).isEqualTo("logged");
		assertThat(this.logs).extracting(LogMessage::message).containsExactly("6 characters");
	}

	@Test
	void aValueTravelsAsEver() {
		long before = objects();
		assertThat(this.catalog.maybe("here").value()).isEqualTo("here");
		assertThat(objects()).isEqualTo(before);
		assertThat(this.catalog.maybe("y".repeat(8 << 10)).value()).hasSize(8 << 10);
		assertThat(objects()).isEqualTo(before + 1);
		// What a response stores is limited, what was stored before is not.
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.catalog.maybe("y".repeat(32 << 10)))
			.withMessageContaining("max_externalized_response_bytes");
	}

	@Test
	void recordsAndMissingValuesCanBePublished() {
		assertThat(this.catalog.point().value()).isEqualTo(new Point(1, 2));
		assertThat(this.catalog.point().value()).isEqualTo(new Point(1, 2));
		assertThat(this.catalog.maybe("published null").value()).isNull();
		assertThat(this.catalog.maybe("null").value()).isNull();
	}

	@Test
	void batchesThatArePublishedBelongToTheCall() {
		for (int i = 0; i < 2; i++) {
			try (AnnotatedBatch table = this.catalog.table().value()) {
				assertThat(table.rowCount()).isEqualTo(3);
			}
		}
	}

	@Test
	void aReferenceByHandIsSentAsItIs() {
		StreamReply reply = call("maybe", "by hand");
		assertThat(reply.kinds()).containsExactly(BatchKind.POINTER);
		assertThat(reply.only(BatchKind.POINTER).metadata().asMap()).containsOnlyKeys(MetadataKeys.LOCATION)
			.containsValue("https://storage.example/nightly.arrow");
	}

	@Test
	void aReferenceToSomethingElseIsRefused() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.catalog.maybe("numbers"))
			.withMessageContaining("Schema mismatch");
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> this.catalog.maybe("nothing"))
			.withMessageContaining("must not return null");
	}

	@Test
	void onlyAResultCanBePublished() {
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(this.catalog::nothing)
			.withMessageContaining("has no result to publish");
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(this.catalog::inlineOnly)
			.withMessageContaining("keeps its results inline");
	}

	@Test
	void aProducerMayEmitTheSameBatchAgainAndAgain() {
		long before = objects();
		for (int i = 0; i < 2; i++) {
			try (ProducerStream<Void> stream = this.catalog.pages(3)) {
				List<Integer> rows = new ArrayList<>();
				while (stream.hasNext()) {
					try (AnnotatedBatch batch = stream.next()) {
						rows.add(batch.rowCount());
						assertThat(((BigIntVector) batch.root().getVector("n")).get(2)).isEqualTo(2);
					}
				}
				assertThat(rows).containsExactly(3, 3, 3);
			}
		}
		assertThat(objects()).isEqualTo(before + 1);
		assertThat(this.logs).extracting(LogMessage::message)
			.containsExactly("page 3", "page 2", "page 1", "page 3", "page 2", "page 1");
	}

	@Test
	void whoCannotTakeAReferenceIsTold() {
		try (ExchangeStream<Void> stream = this.catalog.answers(); AnnotatedBatch input = numbers(this.allocator)) {
			assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> stream.exchange(input))
				.withMessageContaining("Catalog.answers: a reference is for a producer");
		}
		assertThatExceptionOfType(ErrorBatchException.class).isThrownBy(() -> {
			try (ProducerStream<Void> stream = this.catalog.inlinePages(1)) {
				stream.hasNext();
			}
		}).withMessageContaining("Catalog.inline_pages: a reference is for a producer");
		assertThatIllegalStateException()
			.isThrownBy(() -> new RpcMethodDescriptor(ReflectionUtils.findMethod(InlineService.class, "published")))
			.withMessageContaining("callers refuse pointers");
	}

	@Test
	void peersSeeTheResultItself() {
		RpcMethods methods = new RpcMethods();
		Schema result = methods.find(ReflectionUtils.findMethod(Catalog.class, "maybe", String.class))
			.result()
			.wireSchema();
		assertThat(result.getFields()).containsExactly(Field.nullable("result", ArrowType.Utf8.INSTANCE));
		assertThat(methods.find(ReflectionUtils.findMethod(Catalog.class, "point")).result().wireSchema())
			.isEqualTo(new Schema(List.of(Field.notNullable("result", ArrowType.Binary.INSTANCE))));
	}

	private BatchMetadata pointer(String value, boolean includeSha256) {
		StreamReply reply = call("published_string", value.substring(1), value.substring(0, 1), includeSha256);
		assertThat(reply.status()).isEqualTo(200);
		assertThat(reply.kinds()).containsExactly(BatchKind.LOG, BatchKind.POINTER);
		assertThat(reply.only(BatchKind.POINTER).columns()).containsOnlyKeys("result");
		return reply.only(BatchKind.POINTER).metadata();
	}

	private StreamReply call(String method, Object... arguments) {
		RpcMethodDescriptor descriptor = new RpcMethods().find(Stream.of(Catalog.class.getMethods())
			.filter((each) -> each.getAnnotation(RpcMethod.class).value().equals(method))
			.findFirst()
			.orElseThrow());
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1");
		try (AnnotatedBatch request = descriptor.parameters().write(arguments, metadata, this.allocator, (batch) -> {
		})) {
			return StreamReply.of(this.loopback.post("/" + method, Loopback.ARROW, Loopback.bytes(request)),
					this.allocator);
		}
	}

	private static long objects() {
		try (Stream<Path> files = Files.walk(folder)) {
			return files.filter((file) -> file.toFile().length() > 64).count();
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static AnnotatedBatch numbers(BufferAllocator allocator) {
		VectorSchemaRoot root = VectorSchemaRoot.create(NUMBERS, allocator);
		for (int i = 0; i < 3; i++) {
			((BigIntVector) root.getVector("n")).setSafe(i, i);
		}
		root.setRowCount(3);
		return AnnotatedBatch.of(root);
	}

	/**
	 * What both sides share.
	 */
	@RpcService("Catalog")
	interface Catalog {

		@RpcMethod("published_string")
		RpcResult<String> publishedString(String tail, String head, boolean includeSha256);

		@RpcMethod("maybe")
		RpcResult<@Nullable String> maybe(String what);

		@RpcMethod("point")
		RpcResult<Point> point();

		@RpcMethod("table")
		RpcResult<AnnotatedBatch> table();

		@RpcMethod("nothing")
		void nothing();

		@RpcMethod(value = "inline_only", externalize = false)
		String inlineOnly();

		@RpcMethod("pages")
		ProducerStream<Void> pages(long count);

		@RpcMethod(value = "inline_pages", externalize = false)
		ProducerStream<Void> inlinePages(long count);

		@RpcMethod("answers")
		ExchangeStream<Void> answers();

	}

	/**
	 * Contradicts itself.
	 */
	@RpcService(externalize = false)
	interface InlineService {

		@RpcMethod("published")
		RpcResult<String> published();

	}

	@RestController
	static class CatalogController implements Catalog {

		private final Publications<Object> published = new Publications<>(Clock.systemUTC());

		private final Externalizer externalizer;

		CatalogController(Externalizer externalizer) {
			this.externalizer = externalizer;
		}

		@Override
		public RpcResult<String> publishedString(String tail, String head, boolean includeSha256) {
			String value = head + tail;
			RpcContext.current().log(RpcContext.Level.INFO, value.length() + " characters");
			ExternalRef ref = this.published.get(value, () -> RpcContext.current().publish(value));
			return RpcResult.published(includeSha256 ? ref : ref.withoutDigest());
		}

		@Override
		public RpcResult<@Nullable String> maybe(String what) {
			return switch (what) {
				case "null" -> RpcResult.of(null);
				case "published null" -> RpcResult.published(RpcContext.current().publish(null));
				case "nothing" -> null;
				case "by hand" ->
					RpcResult.published(ExternalRef.of(URI.create("https://storage.example/nightly.arrow")));
				case "numbers" -> {
					try (AnnotatedBatch numbers = numbers(RpcContext.current().allocator())) {
						yield RpcResult.published(this.externalizer.publish(numbers));
					}
				}
				default -> RpcResult.of(what);
			};
		}

		@Override
		public RpcResult<Point> point() {
			return RpcResult
				.published(this.published.get("point", () -> RpcContext.current().publish(new Point(1, 2))));
		}

		@Override
		public RpcResult<AnnotatedBatch> table() {
			return RpcResult.published(this.published.get(List.of("table"),
					() -> RpcContext.current().publish(numbers(RpcContext.current().allocator()))));
		}

		@Override
		public void nothing() {
			RpcContext.current().publish("something");
		}

		@Override
		public String inlineOnly() {
			return RpcContext.current().publish("something").toString();
		}

		@Override
		public ProducerStream<Void> pages(long count) {
			return ProducerStream.of(NUMBERS, new Page(count));
		}

		@Override
		public ProducerStream<Void> inlinePages(long count) {
			return pages(count);
		}

		@Override
		public ExchangeStream<Void> answers() {
			return ExchangeStream.of(NUMBERS, NUMBERS, new Answer());
		}

		@RpcTurn
		Turn page(Page page, RpcContext context) {
			context.log(RpcContext.Level.INFO, "page " + page.left());
			ExternalRef ref = numbersRef(context);
			return (page.left() > 1) ? Turn.emit(ref, new Page(page.left() - 1)) : Turn.emitLast(ref);
		}

		@RpcTurn
		Turn answer(Answer state, AnnotatedBatch input, RpcContext context) {
			return Turn.emit(numbersRef(context), state);
		}

		private ExternalRef numbersRef(RpcContext context) {
			return this.published.get(List.of(context.method()), () -> {
				try (AnnotatedBatch numbers = numbers(context.allocator())) {
					return this.externalizer.publish(numbers);
				}
			});
		}

	}

	record Page(long left) {

	}

	record Answer() {

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import(CatalogController.class)
	static class Application {

	}

}
