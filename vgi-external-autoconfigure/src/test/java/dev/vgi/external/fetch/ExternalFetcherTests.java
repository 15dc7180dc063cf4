package dev.vgi.external.fetch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.AttemptsExhaustedException;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.RedirectLimitException;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.transport.TransportClosedException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ExternalFetcherTests {

	/** Only the deadline ends a stall. */
	private static final TransportSettings PATIENT = new TransportSettings(Duration.ofSeconds(10),
			Duration.ofMinutes(5), 64, null, null, null, null);

	private static final String SIGNED = "?X-Amz-Credential=AKIASECRET&X-Amz-Signature=5ec4e7";

	private static final int CHUNK = 64 * 1024;

	private final RootAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(PATIENT, null, this.timer);

	private final SlabPool slabs = new SlabPool(64 << 20, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(64 << 20, 8);

	private FetchConfig config = new FetchConfig(FetchConfig.Probe.RANGE, 16 * CHUNK, CHUNK, 4, Duration.ofSeconds(60),
			8 << 20, 32 << 20, 5, 2, 4, 0);

	private @Nullable ExternalStorage storage;

	private UrlValidator validator = UrlValidator.acceptAll();

	private @Nullable FaultServer server;

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.transport.leasedConnections()).isZero();
		assertThat(this.timer.alarms()).isLessThanOrEqualTo(1); // idle connections
		this.transport.close();
		if (this.server != null) {
			this.server.close();
		}
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		assertThat(Thread.getAllStackTraces().keySet())
			.noneMatch((thread) -> thread.getName().startsWith("vgi-external-range"));
	}

	private FaultServer serve(FaultServer.Handler handler) {
		FaultServer started = new FaultServer(handler);
		this.server = started;
		return started;
	}

	private ExternalFetcher fetcher() {
		return fetcher(this.budget);
	}

	private ExternalFetcher fetcher(TransferBudget budget) {
		return new ExternalFetcher(this.config, this.validator, this.storage, new TransferResources(this.transport,
				budget, this.slabs, TransferThreads.platform(), TransferListener.none()));
	}

	private TransferStatistics fetch(URI url, byte[] expected) {
		try (FetchedBody body = fetcher().fetch(url, sha256(expected).toUpperCase(Locale.ROOT), this.allocator)) {
			assertThat(content(body)).isEqualTo(expected);
			assertThat(body.statistics().decodedBytes()).isEqualTo(expected.length);
			return body.statistics();
		}
	}

	private void fail(URI url) {
		fetcher().fetch(url, null, this.allocator).close();
	}

	private static byte[] content(FetchedBody body) {
		byte[] bytes = new byte[(int) body.length()];
		body.buffer().getBytes(0, bytes);
		return bytes;
	}

	static byte[] bytes(int length) {
		byte[] bytes = new byte[length];
		new Random(length).nextBytes(bytes);
		return bytes;
	}

	static byte[] compressible(int length) {
		byte[] bytes = new byte[length];
		Random random = new Random(length);
		for (int i = 0; i < length; i++) {
			bytes[i] = (byte) random.nextInt(4);
		}
		return bytes;
	}

	static String sha256(byte[] bytes) {
		try {
			return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
		}
		catch (Exception ex) {
			throw new IllegalStateException(ex);
		}
	}

	static byte[] encode(String coding, byte[] bytes, boolean withSize) {
		ContentCodec codec = ContentCodec.forCoding(coding);
		assertThat(codec).isNotNull();
		ByteArrayOutputStream encoded = new ByteArrayOutputStream();
		try (OutputStream out = codec.encode(encoded, withSize ? bytes.length : -1)) {
			new ByteArrayInputStream(bytes).transferTo(out);
		}
		catch (IOException ex) {
			throw new IllegalStateException(ex);
		}
		return encoded.toByteArray();
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 200, CHUNK - 1, CHUNK })
	void objectUpToOneChunkCostsOneRequest(int length) {
		byte[] content = bytes(length);
		FaultServer server = serve(FaultServer.object(content));
		TransferStatistics statistics = fetch(server.url("/o" + SIGNED), content);
		assertThat(statistics.requests()).isEqualTo(1);
		assertThat(statistics.storedBytes()).isEqualTo(length);
		assertThat(statistics.contentCoding()).isNull();
		assertThat(server.requests()).hasSize(1);
		assertThat(server.requests().get(0).header("Range")).isEqualTo("bytes=0-" + (CHUNK - 1));
	}

	@Test
	void objectBelowTheParallelThresholdCostsTwoRequests() {
		byte[] content = bytes(10 * CHUNK);
		FaultServer server = serve(FaultServer.object(content));
		assertThat(fetch(server.url("/o"), content).requests()).isEqualTo(2);
		FaultServer.Request second = server.requests().get(1);
		assertThat(second.header("Range")).isEqualTo("bytes=" + CHUNK + "-" + (content.length - 1));
		assertThat(second.header("If-Match")).isEqualTo("\"v1\"");
	}

	@Test
	void whenRangesAreIgnoredReadsTheOneAnswer() {
		byte[] content = bytes(40 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Content-Length: " + content.length);
			reply.raw(content);
		});
		assertThat(fetch(server.url("/o"), content).requests()).isEqualTo(1);
	}

	@Test
	void whenSizeIsUnknownGrows() {
		byte[] content = bytes(5_000_000);
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Connection: close");
			reply.raw(content);
			reply.hangUp();
		});
		assertThat(fetch(server.url("/o"), content).requests()).isEqualTo(1);
	}

	@ParameterizedTest
	@ValueSource(ints = { 403, 405, 501, 416 })
	void whenRangedGetIsRefusedSendsAPlainOne(int status) {
		byte[] content = bytes(3 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.header("Range") != null) {
				reply.empty(status);
			}
			else {
				reply.object(content);
			}
		});
		assertThat(fetch(server.url("/o" + SIGNED), content).requests()).isEqualTo(2);
		assertThat(server.requests()).extracting(FaultServer.Request::method).containsOnly("GET");
	}

	@ParameterizedTest
	@CsvSource({ "identity, true, 2", "identity, false, 3", "zstd, true, 2", "zstd, false, 3" })
	void whenTotalIsUnknownAsksForTheRest(String coding, boolean withDigest, int requests) {
		byte[] content = compressible("zstd".equals(coding) ? 600_000 : 3 * CHUNK);
		byte[] stored = "zstd".equals(coding) ? encode(coding, content, true) : content;
		FaultServer server = serve((request, reply) -> ofUnknownTotal(stored, stored.length, request, reply,
				"Content-Encoding: " + coding));
		try (FetchedBody body = fetcher().fetch(server.url("/o"), withDigest ? sha256(content) : null,
				this.allocator)) {
			assertThat(content(body)).isEqualTo(content);
			assertThat(body.statistics().storedBytes()).isEqualTo(stored.length);
			assertThat(body.statistics().requests()).isEqualTo(requests);
		}
		// Without a digest only storage can say that nothing follows.
		assertThat(server.requests()).extracting((request) -> request.header("Range"))
			.containsExactlyElementsOf(List
				.of("bytes=0-" + (CHUNK - 1), "bytes=" + CHUNK + "-" + (8 << 20),
						"bytes=" + stored.length + "-" + (8 << 20))
				.subList(0, requests));
		assertThat(server.requests().subList(1, requests))
			.allMatch((request) -> "\"v1\"".equals(request.header("If-Match")));
	}

	@ParameterizedTest
	@CsvSource({ "200, true, 1", "200, false, 2", "65536, true, 1", "65536, false, 2" })
	void objectOfUnknownTotalUpToOneChunkIsNotFetchedAgain(int length, boolean withDigest, int requests) {
		byte[] content = bytes(length);
		FaultServer server = serve((request, reply) -> ofUnknownTotal(content, length, request, reply));
		try (FetchedBody body = fetcher().fetch(server.url("/o"), withDigest ? sha256(content) : null,
				this.allocator)) {
			assertThat(content(body)).isEqualTo(content);
		}
		assertThat(server.requests()).hasSize(requests);
	}

	@Test
	void rangesOfUnknownTotalMayAllBeShorterThanAskedFor() {
		byte[] content = bytes(45_000);
		FaultServer server = serve((request, reply) -> ofUnknownTotal(content, 10_000, request, reply));
		fetch(server.url("/o"), content);
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart)
			.containsExactly(0L, 10_000L, 20_000L, 30_000L, 40_000L);
	}

	@Test
	void encodedCapHoldsWithoutATotal() {
		byte[] content = bytes(3 * CHUNK);
		this.config = this.config.withMaxFetchSize(3 * CHUNK).withMaxDecompressedSize(3 * CHUNK);
		FaultServer server = serve((request, reply) -> ofUnknownTotal(content, content.length, request, reply));
		fetcher().fetch(server.url("/o"), null, this.allocator).close();
		this.config = this.config.withMaxFetchSize(3 * CHUNK - 1).withMaxDecompressedSize(3 * CHUNK);
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("max_fetch_bytes");
		assertThat(server.requests()).hasSize(3 + 2);
	}

	@Test
	void endThatContradictsWhatCameIsAnError() {
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.rangeStart() == 0) {
				ofUnknownTotal(content, content.length, request, reply);
			}
			else {
				reply.empty(416, "Content-Range: bytes */" + request.target().substring(1));
			}
		});
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/65535")))
			.withMessageContaining("changed");
		assertThatExceptionOfType(ExecutionException.class)
			.isThrownBy(() -> drive(() -> fetcher().fetch(server.url("/65537"), null, this.allocator)))
			.withCauseInstanceOf(AttemptsExhaustedException.class)
			.withMessageContaining("416");
	}

	@ParameterizedTest
	@ValueSource(strings = { "identity", "zstd" })
	void whenOnlyTheFirstRangeIsAnsweredBeginsAgainWithTheAnswer(String coding) {
		byte[] content = compressible(5_000_000);
		byte[] stored = "zstd".equals(coding) ? encode(coding, content, false) : content;
		FaultServer server = serve((request, reply) -> {
			if (request.rangeStart() == 0) {
				reply.head(206, "Content-Range: bytes 0-" + (CHUNK - 1) + "/*", "Content-Length: " + CHUNK,
						"Content-Encoding: " + coding);
				reply.raw(stored, 0, CHUNK);
			}
			else {
				reply.head(200, "Content-Length: " + stored.length, "Content-Encoding: " + coding);
				reply.raw(stored);
			}
		});
		assertThat(fetch(server.url("/o"), content).requests()).isEqualTo(2);
		assertThat(this.budget.peak()).isLessThan(20 << 20);
	}

	// Answers a range, or the part of it up to a length, without saying how much there
	// is.
	private static void ofUnknownTotal(byte[] stored, int most, FaultServer.Request request, FaultServer.Reply reply,
			String... headers) throws IOException {
		int[] range = reply.range(stored);
		if (range == null) {
			reply.empty(416);
			return;
		}
		int end = Math.min(range[1], range[0] + most);
		List<String> all = new ArrayList<>(List.of(headers));
		all.add("ETag: \"v1\"");
		all.add("Content-Range: bytes " + range[0] + "-" + (end - 1) + "/*");
		all.add("Content-Length: " + (end - range[0]));
		reply.head(206, all.toArray(String[]::new));
		reply.raw(stored, range[0], end);
	}

	@ParameterizedTest
	@ValueSource(ints = { 404, 429, 500, 503 })
	void otherStatusesAreErrorsWorthAnotherAttempt(int status) {
		FaultServer server = serve((request, reply) -> reply.empty(status));
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/o" + SIGNED)))
			.withMessageContaining(String.valueOf(status))
			.withMessageNotContaining("AKIA")
			.matches((ex) -> ex.status() == status)
			.matches(ExternalFetcher::isRetryable);
		assertThat(server.requests()).hasSize(1);
	}

	@Test
	void headProbeIsFollowedByOneGet() {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(5 * CHUNK);
		FaultServer server = serve(FaultServer.object(content));
		assertThat(fetch(server.url("/o?Expires=99"), content).requests()).isEqualTo(2);
		assertThat(server.requests()).extracting(FaultServer.Request::method).containsExactly("HEAD", "GET");
		assertThat(server.requests().get(1).header("Range")).isNull();
	}

	@ParameterizedTest
	@ValueSource(strings = { "X-Amz-Signature=1&X-Amz-Credential=2", "X-Goog-Signature=1&X-Goog-Credential=2",
			"Signature=1&AWSAccessKeyId=2", "GoogleAccessId=2&Expires=99999999999&Signature=1" })
	void headIsNeverSentToASignedUrl(String query) {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(100);
		FaultServer server = serve(FaultServer.object(content));
		fetch(server.url("/o?" + query), content);
		assertThat(server.requests()).extracting(FaultServer.Request::method).containsExactly("GET");
	}

	@ParameterizedTest
	@ValueSource(ints = { 403, 405, 501 })
	void whenHeadIsRefusedGets(int status) {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(100);
		FaultServer server = serve((request, reply) -> {
			if ("HEAD".equals(request.method())) {
				reply.empty(status);
			}
			else {
				reply.object(content);
			}
		});
		assertThat(fetch(server.url("/o"), content).requests()).isEqualTo(2);
	}

	@Test
	void whenHeadFailsFails() {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		FaultServer server = serve((request, reply) -> reply.empty(500));
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/o")));
		assertThat(server.requests()).hasSize(1);
	}

	@Test
	void whenHeadSaysTooLargeSendsNoGet() {
		this.config = withProbe(FetchConfig.Probe.HEAD).withMaxFetchSize(99).withMaxDecompressedSize(1000);
		FaultServer server = serve(FaultServer.object(bytes(100)));
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(server.url("/o")));
		assertThat(server.requests()).hasSize(1);
	}

	@ParameterizedTest
	@ValueSource(ints = { 100, 5 * CHUNK, 20 * CHUNK })
	void whenHeadAndGetDisagreeAboutTheLengthFails(int length) {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(length);
		for (int announced : new int[] { length - 1, length + 1, 20 * CHUNK + 1 }) {
			for (String tag : List.of("ETag: \"v1\"", "ETag: W/\"v1\"")) {
				FaultServer server = serve((request, reply) -> {
					byte[] object = "HEAD".equals(request.method()) ? bytes(announced) : content;
					reply.object(object, tag);
				});
				assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/o?s3cret")))
					.withMessageContaining("HEAD announced " + announced + " bytes")
					.withMessageNotContaining("s3cret")
					.matches((ex) -> !ExternalFetcher.isRetryable(ex));
				server.close();
			}
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { false, true })
	void whenHeadAndGetAreOfDifferentVersionsFails(boolean large) {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(large ? 20 * CHUNK : 100);
		for (String[] versions : new String[][] { { "ETag: \"v1\"", "ETag: \"v2\"" },
				{ "ETag: W/\"v1\"", "ETag: W/\"v2\"" },
				{ "Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT", "Last-Modified: Mon, 23 Nov 2026 10:00:01 GMT" } }) {
			FaultServer server = serve((request, reply) -> {
				boolean head = "HEAD".equals(request.method());
				reply.head((head || request.header("Range") == null) ? 200 : 206, versions[head ? 0 : 1],
						"Accept-Ranges: bytes", "Content-Length: " + ((large && !head) ? CHUNK : content.length),
						"Content-Range: bytes 0-" + (CHUNK - 1) + "/" + content.length);
				reply.raw(content, 0, head ? 0 : Math.min(CHUNK, content.length));
			});
			assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/o?s3cret")))
				.withMessageContaining("changed while it was fetched")
				.withMessageNotContaining("s3cret")
				.matches(ExternalFetcher::isRetryable);
			server.close();
		}
	}

	@Test
	void whenOnlyHeadNamesTheLengthItCounts() {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(100);
		for (int sent : new int[] { 99, 100, 101 }) {
			FaultServer server = serve((request, reply) -> {
				if ("HEAD".equals(request.method())) {
					reply.object(content);
				}
				else {
					reply.head(200, "Connection: close");
					reply.raw(bytes(sent));
					reply.hangUp();
				}
			});
			if (sent == content.length) {
				fetch(server.url("/o"), content);
			}
			else {
				assertThatExceptionOfType(VgiExternalException.class).isThrownBy(() -> fail(server.url("/o")))
					.withMessageContaining("Range chunk size mismatch")
					.withMessageContaining("100");
			}
			server.close();
		}
	}

	@Test
	void whenOnlyHeadNamesTheTotalOfRangesItCounts() {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = bytes(20 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if ("HEAD".equals(request.method())) {
				reply.object(content);
			}
			else {
				ofUnknownTotal(content, CHUNK, request, reply);
			}
		});
		assertThat(fetch(server.url("/o"), content).requests()).isEqualTo(21);
	}

	@Test
	void whenProbeAloneNamesTheCodingItCounts() {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = compressible(1000);
		byte[] encoded = encode("zstd", content, true);
		FaultServer server = serve((request, reply) -> {
			if ("HEAD".equals(request.method())) {
				reply.object(encoded, "Content-Encoding: ZSTD ; q=1");
			}
			else {
				reply.object(encoded);
			}
		});
		fetch(server.url("/o"), content);
	}

	private FetchConfig withProbe(FetchConfig.Probe probe) {
		return new FetchConfig(probe, this.config.parallelThreshold(), this.config.chunkSize(),
				this.config.maxParallelRequests(), this.config.timeout(), this.config.maxFetchSize(),
				this.config.maxDecompressedSize(), this.config.maxRedirects(), this.config.speculativeRetryMultiplier(),
				this.config.maxSpeculativeHedges(), this.config.prefetchSize());
	}

	enum Delivery {

		ONE_CHUNK, TWO_RANGES, CHUNKED

	}

	@ParameterizedTest
	@EnumSource
	void codedObjectsAreDecoded(Delivery delivery) {
		byte[] content = compressible((delivery == Delivery.TWO_RANGES) ? 2_000_000 : 150_000);
		for (String coding : new String[] { "zstd", "gzip" }) {
			for (boolean withSize : new boolean[] { true, false }) {
				byte[] encoded = encode(coding, content, withSize);
				try (FaultServer server = new FaultServer((request, reply) -> {
					if (delivery == Delivery.CHUNKED) {
						reply.head(200, "Connection: close", "Content-Encoding: " + coding);
						reply.raw(encoded);
						reply.hangUp();
					}
					else {
						reply.object(encoded, "Content-Encoding: " + coding);
					}
				})) {
					TransferStatistics statistics = fetch(server.url("/o"), content);
					assertThat(statistics.storedBytes()).isEqualTo(encoded.length);
					assertThat(statistics.contentCoding()).isEqualTo(coding);
				}
			}
		}
	}

	@Test
	void onlyCodingsOfTheObjectCount() throws Exception {
		byte[] content = bytes(100_000);
		byte[] encoded = encode("zstd", content, true);
		for (String headers : new String[] { "Content-Encoding: zstd,aws-chunked",
				"Content-Encoding: aws-chunked, zstd", "Content-Encoding: zstd, identity",
				"Content-Encoding: aws-chunked\r\nContent-Encoding: zstd" }) {
			try (FaultServer server = new FaultServer(FaultServer.object(encoded, headers))) {
				assertThat(fetch(server.url("/o"), content).contentCoding()).isEqualTo("zstd");
			}
		}
		try (FaultServer server = new FaultServer(FaultServer.object(encoded, "Content-Encoding: gzip, zstd"))) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/o")))
				.withMessageContaining("'gzip, zstd'");
		}
	}

	@Test
	void unknownCodingsAreLeftAlone() {
		byte[] content = bytes(1000);
		for (String coding : new String[] { "identity", "br", "aws-chunked" }) {
			try (FaultServer server = new FaultServer(FaultServer.object(content, "Content-Encoding: " + coding))) {
				fetch(server.url("/o"), content);
			}
		}
	}

	@Test
	void encodedCapIsInclusive() {
		byte[] content = bytes(1000);
		FaultServer server = serve(FaultServer.object(content));
		this.config = this.config.withMaxFetchSize(1000).withMaxDecompressedSize(10_000);
		fetch(server.url("/o"), content);
		this.config = this.config.withMaxFetchSize(999).withMaxDecompressedSize(10_000);
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("max_fetch_bytes")
			.withMessageContaining("vgi.external.fetch.max-fetch-size")
			.matches((ex) -> !ExternalFetcher.isRetryable(ex));
	}

	@Test
	void encodedCapHoldsWithoutAnyLength() {
		this.config = this.config.withMaxFetchSize(2_500_000).withMaxDecompressedSize(10_000_000);
		CountDownLatch gone = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Transfer-Encoding: chunked");
			byte[] chunk = ("10000\r\n" + "x".repeat(65536) + "\r\n").getBytes();
			try {
				while (true) {
					reply.raw(chunk);
				}
			}
			catch (IOException ex) {
				gone.countDown();
				throw ex;
			}
		});
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("max_fetch_bytes");
		assertThat(awaited(gone)).isTrue();
	}

	private static boolean awaited(CountDownLatch latch) {
		try {
			return latch.await(20, TimeUnit.SECONDS);
		}
		catch (InterruptedException ex) {
			return false;
		}
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void bombIsStopped(boolean withSize) {
		this.config = this.config.withMaxFetchSize(8192).withMaxDecompressedSize(8_000_000);
		byte[] content = new byte[8_000_000];
		byte[] encoded = encode("zstd", content, withSize);
		byte[] bomb = encode("zstd", new byte[8_000_001], withSize);
		assertThat(bomb.length).isLessThan(8192);
		FaultServer server = serve((request, reply) -> reply.object("/bomb".equals(request.target()) ? bomb : encoded,
				"Content-Encoding: zstd"));
		fetch(server.url("/o"), content);
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(server.url("/bomb")))
			.withMessageContaining("max_decompressed_bytes")
			.withMessageContaining("vgi.external.fetch.max-decompressed-size");
		assertThat(this.budget.peak()).isLessThan(20 << 20);
	}

	@Test
	void corruptAndShortZstdAreFinal() {
		byte[] encoded = encode("zstd", compressible(100_000), true);
		byte[] corrupt = encoded.clone();
		corrupt[corrupt.length / 2] ^= 0x55;
		corrupt[corrupt.length / 3] ^= 0x55;
		byte[] cut = java.util.Arrays.copyOf(encoded, encoded.length - 10);
		for (byte[] bad : new byte[][] { corrupt, cut, bytes(1000), new byte[] { 1 } }) {
			try (FaultServer server = new FaultServer(FaultServer.object(bad, "Content-Encoding: zstd"))) {
				assertThatExceptionOfType(CorruptStreamException.class)
					.isThrownBy(() -> fetcher().fetch(server.url("/o"), null, this.allocator))
					.withMessageContaining("Failed to decompress zstd data")
					.matches((ex) -> !ExternalFetcher.isRetryable(ex));
			}
		}
	}

	@Test
	void wrongDigestIsFinal() {
		FaultServer server = serve(FaultServer.object(bytes(1000)));
		assertThatExceptionOfType(ChecksumMismatchException.class)
			.isThrownBy(() -> fetcher().fetch(server.url("/o"), sha256(bytes(1001)), this.allocator))
			.withMessageContaining("checksum")
			.matches((ex) -> !ExternalFetcher.isRetryable(ex));
	}

	@Test
	void emptyObjectIsAnError() {
		FaultServer server = serve((request, reply) -> {
			if ("/plain".equals(request.target())) {
				reply.empty(200);
			}
			else {
				reply.object(new byte[0]);
			}
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/plain")))
			.withMessageContaining("empty");
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/ranged")))
			.withMessageContaining("empty");
	}

	@ParameterizedTest
	@CsvSource({ "identity, 0, false", "identity, 0, true", "identity, 1, false", "identity, 1, true", "zstd, 0, false",
			"zstd, 0, true", "zstd, 1, false", "zstd, 1, true" })
	void brokenBodyGoesOnFromTheByteItReached(String coding, int broken, boolean thenRefused) throws Exception {
		byte[] content = compressible("zstd".equals(coding) ? 2_000_000 : 500_000);
		byte[] stored = "zstd".equals(coding) ? encode(coding, content, true) : content;
		FaultServer server = serve((request, reply) -> {
			if (request.index() == broken) {
				breakOff(stored, 10_000, reply, "Content-Encoding: " + coding);
			}
			else if (thenRefused && request.index() == broken + 1) {
				reply.empty(503);
			}
			else {
				reply.object(stored, "Content-Encoding: " + coding);
			}
		});
		TransferStatistics statistics = drive(() -> fetch(server.url("/o"), content));
		assertThat(statistics.storedBytes()).isEqualTo(stored.length);
		assertThat(statistics.requests()).isEqualTo(server.requests().size());
		List<Long> starts = new ArrayList<>(List.of(0L, 10_000L));
		if (broken == 1) {
			starts = new ArrayList<>(List.of(0L, (long) CHUNK, CHUNK + 10_000L));
		}
		if (thenRefused) {
			starts.add(starts.get(starts.size() - 1));
		}
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart).containsExactlyElementsOf(starts);
		assertThat(server.requests().subList(1, starts.size()))
			.allMatch((request) -> "\"v1\"".equals(request.header("If-Match")))
			.allMatch((request) -> request.range(stored.length)[1] == stored.length);
	}

	@ParameterizedTest
	@CsvSource({ "identity, true", "identity, false", "zstd, true", "zstd, false" })
	void brokenBodyOfAStorageWithoutRangesIsReadOverUpToTheByteItReached(String coding, boolean withLength)
			throws Exception {
		byte[] content = compressible(9_000_000 / ("zstd".equals(coding) ? 1 : 3));
		byte[] stored = "zstd".equals(coding) ? encode(coding, content, true) : content;
		FaultServer server = serve((request, reply) -> {
			reply.head(200, withLength ? "Content-Length: " + stored.length : "Transfer-Encoding: chunked",
					"ETag: \"v1\"", "Content-Encoding: " + coding);
			// Beyond what is read at once.
			int end = (request.index() == 0) ? 1_500_000 : stored.length;
			if (withLength) {
				reply.raw(stored, 0, end);
			}
			else {
				reply.raw((Integer.toHexString(stored.length) + "\r\n").getBytes());
				reply.raw(stored, 0, end);
				reply.raw((end == stored.length) ? "\r\n0\r\n\r\n".getBytes() : new byte[0]);
			}
			if (end < stored.length) {
				reply.hangUp();
			}
		});
		assertThat(drive(() -> fetch(server.url("/o"), content)).storedBytes()).isEqualTo(stored.length);
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart).containsExactly(0L, 1_500_000L);
	}

	@Test
	void brokenBodyOfUnknownLengthGoesOnFromTheByteItReached() throws Exception {
		byte[] content = bytes(100_000);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 0) {
				reply.head(200, "Transfer-Encoding: chunked", "ETag: \"v1\"");
				reply.raw((Integer.toHexString(content.length) + "\r\n").getBytes());
				reply.raw(content, 0, 10_000);
				reply.hangUp();
			}
			else {
				reply.object(content);
			}
		});
		drive(() -> fetch(server.url("/o"), content));
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart).containsExactly(0L, 10_000L);
	}

	@ParameterizedTest
	@ValueSource(strings = { "precondition", "range", "whole" })
	void brokenBodyIsNeverGoneOnWithByAnotherVersion(String answer) {
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 0) {
				breakOff(content, 10_000, reply);
				return;
			}
			switch (answer) {
				case "precondition" -> reply.empty(412);
				case "range" -> reply.object(content, "ETag: \"v2\"");
				default -> {
					reply.head(200, "Content-Length: " + content.length, "ETag: \"v2\"");
					reply.raw(content);
				}
			}
		});
		assertThatExceptionOfType(ExecutionException.class)
			.isThrownBy(() -> drive(() -> fetch(server.url("/o"), content)))
			.withCauseInstanceOf(StorageUnavailableException.class)
			.withMessageContaining("changed");
		// A refused condition is no proof: what is answered without it is.
		assertThat(server.requests()).hasSize("precondition".equals(answer) ? 3 : 2);
	}

	@ParameterizedTest
	@CsvSource({ "412, 100000", "501, 100000", "412, 2000000", "501, 2000000" })
	void storageThatRefusesARightConditionIsAskedWithout(int status, int length) throws Exception {
		byte[] content = bytes(length);
		FaultServer server = serve((request, reply) -> {
			if (request.header("If-Match") != null) {
				reply.empty(status);
			}
			else {
				reply.object(content);
			}
		});
		TransferStatistics statistics = drive(() -> fetch(server.url("/o"), content));
		assertThat(statistics.storedBytes()).isEqualTo(length);
		List<FaultServer.Request> refused = server.requests()
			.stream()
			.filter((request) -> request.header("If-Match") != null)
			.toList();
		// Known from then on, but for the ranges that were on their way.
		assertThat(refused).hasSizeBetween(1, this.config.maxParallelRequests());
	}

	@ParameterizedTest
	@CsvSource({ "412, 'ETag: \"v2\"'", "501, 'ETag: \"v2\"'", "412, ''", "501, ''" })
	void whenTheConditionIsRefusedTheAnswersTagDecides(int status, String tag) {
		byte[] content = bytes(2 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.rangeStart() == 0) {
				reply.object(content);
			}
			else if (request.header("If-Match") != null) {
				reply.empty(status);
			}
			else {
				reply.head(206, "Content-Range: bytes " + CHUNK + "-" + (2 * CHUNK - 1) + "/" + 2 * CHUNK,
						"Content-Length: " + CHUNK, tag.isEmpty() ? "X-None: 1" : tag);
				reply.raw(content, CHUNK, 2 * CHUNK);
			}
		});
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("changed");
		assertThat(server.requests()).hasSize(3);
	}

	@ParameterizedTest
	@ValueSource(strings = { "503", "429", "408", "503 Retry-After: 2" })
	void busyStorageIsWaitedForWithoutLosingWhatArrived(String answer) throws Exception {
		byte[] content = bytes(5 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.index() > 0 && request.index() <= 6) {
				reply.empty(Integer.parseInt(answer.substring(0, 3)),
						(answer.length() > 3) ? answer.substring(4) : "X-None: 1");
			}
			else {
				reply.object(content);
			}
		});
		drive(() -> fetch(server.url("/o"), content), Duration.ofSeconds(4));
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart)
			.startsWith(0L, (long) CHUNK)
			.hasSize(8)
			.filteredOn((start) -> start == 0)
			.hasSize(1);
	}

	@Test
	void rangeThatIsSaidNotToBeThereIsAskedForAgain() throws Exception {
		byte[] content = bytes(5 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 1) {
				reply.empty(416, "Content-Range: bytes */" + content.length);
			}
			else {
				reply.object(content);
			}
		});
		drive(() -> fetch(server.url("/o"), content));
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart)
			.containsExactly(0L, (long) CHUNK, (long) CHUNK);
	}

	@Test
	void rangeThatIsNotThereBecauseOfAnotherSizeIsAnError() {
		byte[] content = bytes(5 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 1) {
				reply.empty(416, "Content-Range: bytes */7");
			}
			else {
				reply.object(content);
			}
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("Range chunk size mismatch");
		assertThat(server.requests()).hasSize(2);
	}

	@ParameterizedTest
	@ValueSource(strings = { "Last-Modified: then", "ETag: W/\"1\"" })
	void brokenBodyThatNothingPinsIsLeftToAnotherAttempt(String validator) {
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> {
			reply.head(200, "Content-Length: " + content.length, validator);
			reply.raw(content, 0, 10_000);
			reply.hangUp();
		});
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/o")))
			.matches(ExternalFetcher::isRetryable);
		assertThat(server.requests()).hasSize(1);
	}

	@Test
	void bodyThatBreaksOffAgainAndAgainHasHadItsAttempts() {
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> breakOff(content, 10_000, reply));
		assertThatExceptionOfType(ExecutionException.class)
			.isThrownBy(() -> drive(() -> fetch(server.url("/o"), content)))
			.withCauseInstanceOf(AttemptsExhaustedException.class)
			.withMessageContaining("Failed in 3 attempts")
			.matches((ex) -> ex.getCause() instanceof RuntimeException cause && !ExternalFetcher.isRetryable(cause));
		assertThat(server.requests()).extracting(FaultServer.Request::rangeStart).containsExactly(0L, 10_000L, 20_000L);
	}

	@Test
	void linkThatExpiresBeforeABrokenBodyGoesOnIsNamedAsSuch() {
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 0) {
				breakOff(content, 10_000, reply);
			}
			reply.empty(403);
		});
		assertThatExceptionOfType(ExecutionException.class)
			.isThrownBy(
					() -> drive(() -> fetch(server.url("/o?Signature=a&AWSAccessKeyId=b&Expires=1577836800"), content)))
			.withCauseInstanceOf(LinkExpiredException.class);
		assertThat(server.requests()).hasSize(2);
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void whoWaitsToGoOnCanBeEnded(boolean interrupted) throws Exception {
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> breakOff(content, 10_000, reply));
		FutureTask<TransferStatistics> call = new FutureTask<>(() -> fetch(server.url("/o"), content));
		Thread caller = new Thread(call);
		caller.start();
		this.timer.awaitAlarmIn(Duration.ofMillis(500));
		if (interrupted) {
			caller.interrupt();
		}
		else {
			this.transport.close();
		}
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(interrupted ? TransferCancelledException.class : TransportClosedException.class);
		assertThat(server.requests()).hasSize(1);
	}

	private static void breakOff(byte[] stored, int count, FaultServer.Reply reply, String... headers)
			throws IOException {
		int[] range = reply.range(stored);
		assertThat(range).isNotNull();
		reply.rangeHead(stored, range, headers);
		reply.raw(stored, range[0], Math.min(range[1], range[0] + count));
		reply.hangUp();
	}

	/** Let time pass for the pauses before retries, but not for the deadline. */
	private <T> T drive(Callable<T> fetch) throws Exception {
		return drive(fetch, Duration.ofMillis(500));
	}

	private <T> T drive(Callable<T> fetch, Duration most) throws Exception {
		FutureTask<T> call = new FutureTask<>(fetch);
		new Thread(call, "caller").start();
		while (!call.isDone()) {
			if (!this.timer.advanceToAlarmWithin(most)) {
				Thread.onSpinWait();
			}
		}
		return call.get();
	}

	@Test
	void anotherRangeThanAskedForIsRefused() {
		byte[] content = bytes(5 * CHUNK);
		for (String range : new String[] { "bytes 1-65536/327680", "bytes 0-70000/327680", "bytes 0-65536/327680",
				"bytes 5-3/9", "nonsense" }) {
			try (FaultServer server = new FaultServer((request, reply) -> {
				reply.head(206, "Content-Range: " + range, "Content-Length: " + CHUNK);
				reply.raw(content, 0, CHUNK);
			})) {
				assertThatExceptionOfType(CorruptStreamException.class)
					.isThrownBy(() -> fetcher().fetch(server.url("/o"), null, this.allocator))
					.withMessageContaining("Range chunk size mismatch");
			}
		}
	}

	@Test
	void laterRangeMustBeOfTheSameObject() {
		byte[] content = bytes(5 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if (request.rangeStart() == 0) {
				reply.object(content);
				return;
			}
			switch (request.target()) {
				case "/precondition" -> reply.empty(412);
				case "/tag" -> reply.object(content, "ETag: \"v2\"");
				case "/whole" -> {
					reply.head(200, "Content-Length: " + content.length);
					reply.raw(content);
				}
				default -> reply.object(java.util.Arrays.copyOf(content, content.length - 1));
			}
		});
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/precondition")))
			.withMessageContaining("changed");
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/tag")))
			.withMessageContaining("changed");
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/whole")))
			.withMessageContaining("Expected HTTP 206");
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/shrunk")))
			.withMessageContaining("Range chunk size mismatch");
	}

	@Test
	void firstOfManyRangesThatIsLongerThanItSaysIsRefused() throws Exception {
		ByteArrayOutputStream coded = new ByteArrayOutputStream();
		try (OutputStream gzip = new GZIPOutputStream(coded)) {
			gzip.write(bytes(CHUNK));
		}
		byte[] content = Arrays.copyOf(coded.toByteArray(), 2_000_000);
		FaultServer server = serve((request, reply) -> {
			if (request.rangeStart() > 0) {
				reply.object(content, "Content-Encoding: gzip");
				return;
			}
			reply.head(206, "Content-Encoding: gzip", "Content-Range: bytes 0-9/" + content.length, "ETag: \"v1\"",
					"Connection: close");
			reply.raw(content, 0, 40);
			reply.hangUp();
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("answered more than the 10 bytes");
	}

	@Test
	void moreBytesThanTheRangeAreRefused() {
		FaultServer server = serve((request, reply) -> {
			reply.head(206, "Content-Range: bytes 0-9/10", "Connection: close");
			reply.raw(bytes(11));
			reply.hangUp();
		});
		assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("Range chunk size mismatch");
	}

	@Test
	void stalledBodyEndsWithTheDeadline() throws Exception {
		CountDownLatch sent = new CountDownLatch(1);
		byte[] content = bytes(CHUNK);
		FaultServer server = serve((request, reply) -> {
			reply.rangeHead(content, new int[] { 0, CHUNK });
			reply.raw(content, 0, CHUNK / 2);
			sent.countDown();
			reply.stall();
		});
		CompletableFuture<Void> call = CompletableFuture.runAsync(() -> fail(server.url("/o" + SIGNED)));
		sent.await();
		this.timer.awaitAlarmIn(Duration.ofSeconds(60));
		this.timer.advance(Duration.ofSeconds(60));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(TransferTimeoutException.class)
			.withMessageNotContaining("AKIA");
	}

	@Test
	void refusalsAndLoopsAreFinal() {
		FaultServer server = serve((request, reply) -> reply.empty(302, "Location: /again" + SIGNED));
		assertThatExceptionOfType(RedirectLimitException.class).isThrownBy(() -> fail(server.url("/o")))
			.matches((ex) -> !ExternalFetcher.isRetryable(ex));
		this.validator = UrlValidator.httpsOnly();
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> fail(server.url("/o")))
			.matches((ex) -> !ExternalFetcher.isRetryable(ex));
		assertThat(server.requests()).hasSize(6);
	}

	@Test
	void expiredLinkIsNamedAsSuch() {
		String signedAt = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'")
			.withZone(ZoneOffset.UTC)
			.format(Instant.parse("2020-01-01T00:00:00Z"));
		FaultServer server = serve((request, reply) -> reply.empty(403));
		assertThatExceptionOfType(LinkExpiredException.class)
			.isThrownBy(() -> fail(server.url("/o" + SIGNED + "&X-Amz-Date=" + signedAt + "&X-Amz-Expires=3600")))
			.withMessageContaining("2020-01-01T01:00:00Z")
			.withMessageNotContaining("AKIA")
			.matches((ex) -> !ExternalFetcher.isRetryable(ex));
		assertThatExceptionOfType(LinkExpiredException.class)
			.isThrownBy(() -> fail(server.url("/o?Signature=a&AWSAccessKeyId=b&Expires=1577836800")))
			.withMessageContaining("2020-01-01T00:00:00Z");
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> fail(server.url("/o?Signature=a&AWSAccessKeyId=b&Expires=99999999999")));
	}

	@Test
	void refusedLinkNamesAClockSkew() {
		FaultServer server = serve((request, reply) -> reply.empty(403, "Date: Sat, 01 Jan 2011 00:00:00 GMT"));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> fail(server.url("/o?Signature=a&AWSAccessKeyId=b&Expires=1577836800")))
			.withMessageContaining("its clock says 2011-01-01T00:00:00Z");
	}

	@Test
	void waitsForBudgetWithoutAConnection() throws Exception {
		byte[] content = bytes(CHUNK / 2);
		FaultServer server = serve(FaultServer.object(content));
		CompletableFuture<TransferStatistics> call;
		try (Lease all = this.budget.acquire(64 << 20, Duration.ZERO)) {
			call = CompletableFuture.supplyAsync(() -> fetch(server.url("/o"), content));
			while (this.budget.waiting() == 0) {
				Thread.onSpinWait();
			}
			assertThat(this.transport.leasedConnections()).isZero();
		}
		assertThat(call.get(20, TimeUnit.SECONDS).requests()).isEqualTo(2);
	}

	@ParameterizedTest
	@ValueSource(strings = { "identity", "zstd" })
	void transfersThatWaitForEachOthersMemoryAllEnd(String coding) throws Exception {
		byte[] content = compressible(1_000_000);
		byte[] stored = "zstd".equals(coding) ? encode(coding, content, true) : content;
		FaultServer server = serve(FaultServer.object(stored, "Content-Encoding: " + coding));
		// Room for one and a half of them, all of which also start one of their own.
		TransferBudget small = new TransferBudget(3_500_000, 64);
		ExternalFetcher fetcher = fetcher(small);
		List<CompletableFuture<Void>> calls = new ArrayList<>();
		ExecutorService callers = Executors.newFixedThreadPool(16);
		for (int i = 0; i < 32; i++) {
			calls.add(CompletableFuture.runAsync(() -> {
				try (FetchedBody outer = fetcher.fetch(server.url("/o"), sha256(content), this.allocator);
						FetchedBody inner = fetcher.fetch(server.url("/o"), sha256(content), this.allocator)) {
					assertThat(outer.length()).isEqualTo(inner.length());
				}
			}, callers));
		}
		for (CompletableFuture<Void> call : calls) {
			call.get(30, TimeUnit.SECONDS);
		}
		callers.shutdown();
		assertThat(small.inUse()).isZero();
		assertThat(small.peak()).isLessThanOrEqualTo(small.maxBytes());
	}

	@Test
	void whenTheFirstAnswerIsLateAsksAgain() throws Exception {
		byte[] content = bytes(CHUNK);
		CountDownLatch late = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 1) {
				late.countDown();
				reply.stall();
			}
			reply.object(content);
		});
		ExternalFetcher fetcher = fetcher();
		fetcher.fetch(server.url("/o"), null, this.allocator).close();
		CompletableFuture<TransferStatistics> call = CompletableFuture.supplyAsync(() -> {
			try (FetchedBody body = fetcher.fetch(server.url("/o"), null, this.allocator)) {
				return body.statistics();
			}
		});
		late.await();
		this.timer.advance(Duration.ofSeconds(1));
		TransferStatistics statistics = call.get(20, TimeUnit.SECONDS);
		assertThat(statistics.hedges()).isEqualTo(1);
		assertThat(statistics.requests()).isEqualTo(2);
	}

	@Test
	void withoutHedgingTheFirstAnswerIsAwaited() throws Exception {
		this.config = new FetchConfig(FetchConfig.Probe.RANGE, 16 * CHUNK, CHUNK, 4, Duration.ofSeconds(60), 8 << 20,
				32 << 20, 5, 0, 4, 0);
		byte[] content = bytes(CHUNK);
		CountDownLatch late = new CountDownLatch(1);
		FaultServer server = serve((request, reply) -> {
			if (request.index() == 1) {
				late.countDown();
				reply.stall();
			}
			reply.object(content);
		});
		ExternalFetcher fetcher = fetcher();
		fetcher.fetch(server.url("/o"), null, this.allocator).close();
		CompletableFuture<Void> call = CompletableFuture
			.runAsync(() -> fetcher.fetch(server.url("/o"), null, this.allocator).close());
		late.await();
		this.timer.advance(Duration.ofSeconds(60));
		assertThatExceptionOfType(ExecutionException.class).isThrownBy(() -> call.get(20, TimeUnit.SECONDS))
			.withCauseInstanceOf(TransferTimeoutException.class);
		assertThat(server.requests()).hasSize(2);
	}

	@Test
	void whenOnlyTheProbeNamesTheCodingOfRangesItCounts() {
		this.config = withProbe(FetchConfig.Probe.HEAD);
		byte[] content = compressible(6_000_000);
		byte[] encoded = encode("zstd", content, true);
		assertThat(encoded.length).isGreaterThan(16 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			if ("HEAD".equals(request.method())) {
				reply.object(encoded, "Content-Encoding: zstd");
			}
			else {
				reply.object(encoded);
			}
		});
		assertThat(fetch(server.url("/o"), content).requests()).isGreaterThan(16);
	}

	@Test
	void withoutEntityTagTheDateOfTheObjectCounts() {
		byte[] content = bytes(5 * CHUNK);
		FaultServer server = serve((request, reply) -> {
			String date = (request.rangeStart() == 0 || "/same".equals(request.target())) ? "Last-Modified: then"
					: "Last-Modified: now";
			int[] range = reply.range(content);
			assertThat(range).isNotNull();
			reply.head(206, date, "Content-Length: " + (range[1] - range[0]),
					"Content-Range: bytes " + range[0] + "-" + (range[1] - 1) + "/" + content.length);
			reply.raw(content, range[0], range[1]);
		});
		fetch(server.url("/same"), content);
		assertThatExceptionOfType(StorageUnavailableException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("changed");
	}

	@Test
	void moreThanTheWholeBudgetIsRefused() {
		this.config = this.config.withMaxFetchSize(8 << 20).withMaxDecompressedSize(1L << 30);
		byte[] encoded = encode("zstd", new byte[65 << 20], true);
		FaultServer server = serve(FaultServer.object(encoded, "Content-Encoding: zstd"));
		assertThatExceptionOfType(BudgetExhaustedException.class).isThrownBy(() -> fail(server.url("/o")))
			.withMessageContaining("vgi.external.memory.budget");
	}

	@Test
	void limitOfTheAllocatorIsReported() {
		FaultServer server = serve(FaultServer.object(bytes(10_000)));
		try (var child = this.allocator.newChildAllocator("small", 0, 5000)) {
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> fetcher().fetch(server.url("/o"), null, child));
		}
	}

	@Test
	void ownObjectsAreReadWithoutHttp(@TempDir Path folder) throws Exception {
		byte[] content = compressible(3_000_000);
		Path plain = Files.write(folder.resolve("plain"), content);
		Path coded = Files.write(folder.resolve("coded"), encode("zstd", content, true));
		this.storage = new OwnStorage(plain, coded, 0);
		assertThat(fetch(URI.create("http://own/plain"), content).requests()).isZero();
		TransferStatistics statistics = fetch(URI.create("http://own/coded"), content);
		assertThat(statistics.contentCoding()).isEqualTo("zstd");
		assertThat(statistics.storedBytes()).isEqualTo(Files.size(coded));
		this.config = this.config.withMaxFetchSize(2_999_999).withMaxDecompressedSize(2_999_999);
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(URI.create("http://own/plain")))
			.withMessageContaining("max_fetch_bytes");
		assertThatExceptionOfType(PayloadTooLargeException.class).isThrownBy(() -> fail(URI.create("http://own/coded")))
			.withMessageContaining("max_decompressed_bytes");
		this.validator = UrlValidator.httpsOnly();
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> fail(URI.create("http://own/plain")));
	}

	@ParameterizedTest
	@ValueSource(ints = { -1, 1 })
	void ownObjectOfAnotherLengthIsAnError(int lie, @TempDir Path folder) throws Exception {
		byte[] content = compressible(3_000_000);
		Path plain = Files.write(folder.resolve("plain"), content);
		Path coded = Files.write(folder.resolve("coded"), encode("zstd", content, true));
		this.storage = new OwnStorage(plain, coded, lie);
		for (String name : List.of("plain", "coded")) {
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> fail(URI.create("http://own/" + name)))
				.withMessageContaining((lie < 0) ? "has more than its" : "ended after");
		}
	}

	private record OwnStorage(Path plain, Path coded, int lie) implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return "own".equals(url.getHost());
		}

		@Override
		public StoredObject open(URI url) {
			boolean isCoded = url.getPath().equals("/coded");
			try {
				Path path = isCoded ? this.coded : this.plain;
				SeekableByteChannel channel = Files.newByteChannel(path);
				return new StoredObject(channel, Files.size(path) + this.lie, isCoded ? "zstd" : null, "\"1\"");
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}

		@Override
		public String name() {
			return "own";
		}

	}

}
