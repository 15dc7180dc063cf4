package dev.vgi.external.storage;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.local.SteppedClock;
import dev.vgi.external.transfer.RecordedEvents;
import dev.vgi.external.transfer.RecordedPauses;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.FixedPace;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.StreamedPayload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link SignedUrlStorage}, beside the contract that the example of the
 * documentation passes.
 */
class SignedUrlStorageTests {

	private static final Schema SCHEMA = new Schema(List.of());

	private final Deque<Integer> statuses = new ArrayDeque<>();

	private final List<String> requests = new ArrayList<>();

	private final StorageTransport transport = FixedPace.transport(TransportSettings.defaults());

	/** Method whose URLs cannot be signed. */
	private volatile String refused = "";

	/** The same after the first request. */
	private volatile String refusedLater = "";

	private volatile boolean tagged = true;

	private HttpServer server;

	private SignedUrlStorage storage;

	@BeforeEach
	void start() throws IOException {
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		this.server.createContext("/", this::answer);
		this.server.start();
		this.storage = storage("expires");
	}

	private SignedUrlStorage storage(String expires) {
		URI container = URI.create("http://127.0.0.1:" + this.server.getAddress().getPort() + "/container/");
		return new Unsigned(
				SignedUrlSettings.of(container, expires, "sig").withTimeout(Duration.ofMinutes(1)).withMaxRetries(1),
				this.transport, new SteppedClock());
	}

	private void answer(HttpExchange exchange) throws IOException {
		long length = exchange.getRequestBody().readAllBytes().length;
		this.requests.add(
				exchange.getRequestMethod() + ' ' + length + ' ' + exchange.getRequestHeaders().getFirst("Content-Type")
						+ ' ' + exchange.getRequestHeaders().getFirst("Content-Encoding") + ' '
						+ exchange.getRequestHeaders().getFirst("X-Kind"));
		this.refused = this.refusedLater;
		if (this.tagged) {
			exchange.getResponseHeaders().set("ETag", "\"tag\"");
		}
		exchange.sendResponseHeaders(this.statuses.remove(), -1);
		exchange.close();
	}

	@AfterEach
	void stop() {
		this.server.stop(0);
		this.transport.close();
	}

	@Test
	void uploadsByOneRequest() {
		this.statuses.add(201);
		URI url = this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, "zstd");
		assertThat(url.getPath()).matches("/container/[0-9a-f]{32}\\.arrow");
		assertThat(this.storage.isOwn(url)).isTrue();
		assertThat(this.storage.expiresAt(url)).isEqualTo("2026-01-01T01:00:00Z");
		assertThat(this.requests).containsExactly("PUT 1000 application/vnd.apache.arrow.stream zstd block");
	}

	@Test
	void noSpellingOfTheHostHidesAnObject() {
		SignedUrlStorage named = new Unsigned(
				SignedUrlSettings.of(URI.create("https://storage.example/container/"), "expires", "sig"),
				this.transport, new SteppedClock());
		String name = "0a".repeat(32) + ".arrow?sig=1";
		for (String host : List.of("storage.example", "STORAGE.example", "storage.example.", "storage.example:81")) {
			assertThat(named.admits(URI.create("https://" + host + "/container/" + name), ObjectOwner.nobody()))
				.as(host)
				.isFalse();
		}
		assertThat(named.admits(URI.create("https://other.example/container/" + name), ObjectOwner.nobody())).isTrue();
	}

	@Test
	void whenTheServerFailsSendsTheSameAgain() {
		this.statuses.addAll(List.of(500, 200));
		this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, null);
		assertThat(this.requests).hasSize(2);
		this.statuses.addAll(List.of(500, 502));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, null))
			.withMessageContaining("'links' at http://127.0.0.1")
			.withMessageContaining("answered 502")
			.withMessageNotContaining("sig=");
		assertThat(this.requests).hasSize(4);
	}

	@Test
	void requestsAreReportedForASubclassThatOnlySigns() {
		this.statuses.addAll(List.of(500, 200));
		RecordedEvents recorded = new RecordedEvents();
		TransferTrace trace = new TransferResources(this.transport, new TransferBudget(1, 0),
				new SlabPool(0, Duration.ofHours(1)), TransferThreads.platform(), recorded)
			.begin(Direction.UPLOAD, "links", null, 0);
		this.storage.upload(new TracedPayload(BytesPayload.random(1000, 1), trace), SCHEMA, null);
		assertThat(recorded.only().events()).containsExactly("1 object 0 0+1000", "1 sent", "1 answered 500 null",
				"1 complete 1000", "retry -1 storage-unavailable 500 ms", "pause {", "} pause", "2 object 0 0+1000",
				"2 sent", "2 answered 200 null", "2 complete 1000");
		assertThat(recorded.only().progress()).containsExactly(1000L);
		assertThat(trace.retries()).isOne();
	}

	@Test
	void streamOfUnknownLengthIsRefusedBeforeAByteIsTaken() {
		assertThat(this.storage.takesUnknownLength()).isFalse();
		SlabPool slabs = new SlabPool(0, Duration.ofHours(1));
		try (StreamedPayload stream = new StreamedPayload(null, slabs, new TransferBudget(1, 0), Duration.ZERO,
				TransferTrace.none())) {
			assertThatExceptionOfType(UploadRefusedException.class)
				.isThrownBy(() -> this.storage.upload(stream, SCHEMA, null))
				.withMessageContaining("'links'")
				.withMessageContaining("has to know its length");
		}
		assertThat(this.requests).isEmpty();
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void objectThatMayBeStoredIsDeletedLaterAlsoIfTheNextStepIsRefused(boolean answered) {
		this.tagged = false;
		this.statuses.addAll(List.of(answered ? 201 : 500, 204));
		this.refusedLater = answered ? "GET" : "PUT";
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, null))
			.withMessage("planted refusal");
		this.storage.leftovers().close();
		assertThat(this.requests).hasSize(2).last().asString().startsWith("DELETE 0 ");
	}

	@ParameterizedTest
	@ValueSource(ints = { 204, 403 })
	void objectWhoseUrlCannotBeSignedIsDeleted(int status) {
		this.statuses.addAll(List.of(201, status));
		this.refusedLater = "GET";
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, null))
			.satisfies((ex) -> assertThat(ex.getSuppressed()).hasSize((status == 204) ? 0 : 1))
			.withMessage("planted refusal");
		assertThat(this.requests).hasSize(2).last().asString().startsWith("DELETE 0 ");
	}

	@ParameterizedTest
	@ValueSource(ints = { 400, 401, 403, 404, 409, 413 })
	void whenTheServerRefusesDoesNotAskAgain(int status) {
		this.statuses.add(status);
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, null))
			.withMessageContaining("answered " + status)
			.withMessageNotContaining("sig=");
		assertThat(this.requests).hasSize(1);
	}

	@Test
	void whenTheSignatureIsRefusedComparesClocks() {
		// The clock of this storage stands at the beginning of 2026.
		this.statuses.add(403);
		assertThatExceptionOfType(UploadRefusedException.class)
			.isThrownBy(() -> this.storage.upload(BytesPayload.random(1000, 1), SCHEMA, null))
			.withMessageContaining("it does not take the signature; its clock says 20")
			.withMessageContaining("this one's 2026-01-01T00:00:00");
	}

	@Test
	void readsExpiryInSecondsOrAsInstant() {
		URI url = URI.create("https://example.com/c/0123456789abcdef0123456789abcdef.arrow");
		SignedUrlStorage instants = storage("se");
		assertThat(instants.expiresAt(URI.create(url + "?se=2026-11-25T10%3A00%3A00Z&sig=x")))
			.isEqualTo(Instant.parse("2026-11-25T10:00:00Z"));
		assertThat(instants.expiresAt(URI.create(url + "?sig=x&se=1795600800"))).isEqualTo("2026-11-25T10:00:00Z");
		assertThat(instants.expiresAt(URI.create(url + "?use=1&sig=x"))).isNull();
		assertThat(instants.expiresAt(URI.create(url + "?se=soon&sig=x"))).isNull();
		assertThat(instants.expiresAt(url)).isNull();
	}

	@Test
	void settingsAreChecked() {
		URI container = URI.create("https://example.com/container");
		assertThat(SignedUrlSettings.of(container, "e", "s").maxRetries()).isEqualTo(2);
		assertThatIllegalArgumentException().isThrownBy(() -> SignedUrlSettings.of(URI.create("/container"), "e", "s"))
			.withMessageContaining("'container'");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> SignedUrlSettings.of(URI.create("https://user:planted@example.com/"), "e", "s"))
			.withMessageContaining("'container'")
			.withMessageNotContaining("planted");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> SignedUrlSettings.of(URI.create("https://my_files/container"), "e", "s"))
			.withMessageContaining("must not have an underscore");
		assertThatIllegalArgumentException()
			.isThrownBy(() -> SignedUrlSettings.of(URI.create(container + "?a=b"), "e", "s"))
			.withMessageContaining("'container'");
		SignedUrlSettings settings = SignedUrlSettings.of(container, "e", "s");
		assertThatIllegalArgumentException().isThrownBy(() -> settings.withExpiry(Duration.ofMillis(1)))
			.withMessageContaining("'expiry'");
		assertThatIllegalArgumentException().isThrownBy(() -> settings.withTimeout(Duration.ZERO))
			.withMessageContaining("'timeout'");
		assertThatIllegalArgumentException().isThrownBy(() -> settings.withMaxRetries(-1))
			.withMessageContaining("'maxRetries'");
	}

	/**
	 * Signs with a constant: the server here believes everything.
	 */
	private final class Unsigned extends SignedUrlStorage {

		Unsigned(SignedUrlSettings settings, StorageTransport transport, Clock clock) {
			super("links", settings, transport, clock, new RecordedPauses().policy(settings.maxRetries()));
		}

		@Override
		protected URI sign(URI url, String method, Instant expires) {
			if (method.equals(SignedUrlStorageTests.this.refused)) {
				throw new UploadRefusedException("planted refusal", null);
			}
			return URI.create(url + "?expires=" + expires.getEpochSecond() + "&sig=" + method);
		}

		@Override
		protected Map<String, String> uploadHeaders() {
			return Map.of("X-Kind", "block");
		}

	}

	/**
	 * A payload of a transfer.
	 *
	 * @param bytes the bytes
	 * @param trace the transfer
	 */
	private record TracedPayload(BytesPayload bytes, TransferTrace trace) implements Payload {

		@Override
		public long maxLength() {
			return this.bytes.maxLength();
		}

		@Override
		public @Nullable Part next(int size) {
			return this.bytes.next(size);
		}

	}

}
