package dev.vgi.external.web.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.channels.Channels;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transport.StorageUnavailableException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link UploadUrlController}.
 */
class UploadUrlControllerTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final Instant EXPIRY = Instant.parse("2026-01-01T00:00:00.123456Z");

	private final BufferAllocator allocator = new RootAllocator();

	private final MockHttpServletResponse response = new MockHttpServletResponse();

	private final List<String> errors = new ArrayList<>();

	private final AtomicLong clock = new AtomicLong();

	private int vended;

	private int told;

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@ParameterizedTest
	@CsvSource({ "1, 1", "3, 3", "100, 100", "101, 100", "9223372036854775807, 100", "0, 1", "-5, 1" })
	void vendsAsManyPairsAsAskedFor(long count, int expected) throws Exception {
		init(request("count", count, "__upload_url__", "1"), ARROW);
		assertThat(this.response.getStatus()).isEqualTo(200);
		assertThat(this.response.getContentType()).isEqualTo(ARROW);
		assertThat(this.vended).isEqualTo(expected);
		assertThat(this.told).isEqualTo(expected);
		try (IpcStreamReader reader = IpcStreamReader
			.of(new ByteArrayInputStream(this.response.getContentAsByteArray()), 1 << 20, this.allocator)) {
			assertThat(reader.nextStream()).isTrue();
			assertThat(reader.schema().getFields()).extracting(Field::toString)
				.containsExactly("upload_url: Utf8 not null", "download_url: Utf8 not null",
						"expires_at: Timestamp(MICROSECOND, UTC) not null");
			try (AnnotatedBatch batch = reader.next()) {
				assertThat(batch).isNotNull();
				assertThat(batch.rowCount()).isEqualTo(expected);
				int last = expected - 1;
				assertThat(batch.root().getVector(0).getObject(last))
					.hasToString("https://storage.example/put/" + expected);
				assertThat(batch.root().getVector(1).getObject(last))
					.hasToString("https://storage.example/get/" + expected);
				assertThat(batch.root().getVector(2).getObject(last)).isEqualTo(1767225600123456L);
			}
			assertThat(reader.next()).isNull();
			assertThat(reader.nextStream()).isFalse();
		}
	}

	@Test
	void withoutACountVendsOne() throws Exception {
		init(request("other", 5, "__upload_url__", "1"), ARROW + ";charset=utf-8");
		assertThat(this.vended).isEqualTo(1);
	}

	@ParameterizedTest
	@CsvSource(nullValues = "-", value = { "-", "application/json" })
	void otherMediaTypesAreUnsupported(@Nullable String contentType) throws Exception {
		init(request("count", 1, "__upload_url__", "1"), contentType);
		assertThat(this.response.getStatus()).isEqualTo(415);
		assertThat(this.vended).isZero();
	}

	@Test
	void largeRequestsAreRefused() throws Exception {
		init(new byte[64 * 1024 + 1], ARROW);
		assertThat(this.response.getStatus()).isEqualTo(413);
		assertThat(this.vended).isZero();
	}

	@Test
	void whatDoesNotFollowTheProtocolIsABadRequest() throws Exception {
		byte[] good = request("count", 1, "__upload_url__", "1");
		for (byte[] bad : List.of(new byte[0], "no Arrow".getBytes(), Arrays.copyOf(good, 100),
				request("count", 1, "echo", "1"), request("count", 1, "__upload_url__", "2"), withoutRow())) {
			init(bad, ARROW);
		}
		assertThat(this.errors).hasSize(6).allSatisfy((error) -> assertThat(error).startsWith("400 CorruptStream"));
		assertThat(this.vended).isZero();
		assertThat(this.told).isZero();
	}

	@Test
	void failureToSignIsAnError() throws Exception {
		UploadUrlProvider failing = (schema) -> {
			throw new StorageUnavailableException("no credentials", 0, null);
		};
		controller(failing).init(mock(request("count", 2, "__upload_url__", "1"), ARROW), this.response);
		assertThat(this.errors).containsExactly("200 StorageUnavailableException no credentials");
		assertThat(this.told).isZero();
	}

	@Test
	void oneRequestWaitsForSlowSignaturesOnlySoLong() throws Exception {
		UploadUrlProvider slow = (schema) -> {
			this.vended++;
			this.clock.addAndGet(Duration.ofSeconds(6).toNanos());
			return new UploadUrl(URI.create("https://storage.example/put"), URI.create("https://storage.example/get"),
					EXPIRY);
		};
		controller(slow).init(mock(request("count", 100, "__upload_url__", "1"), ARROW), this.response);
		assertThat(this.errors)
			.containsExactly("200 StorageUnavailableException Only 2 of 100 upload URLs could be signed within 10 s");
		assertThat(this.vended).isEqualTo(2);
		assertThat(this.told).isZero();
		controller(slow).init(mock(request("count", 2, "__upload_url__", "1"), ARROW), this.response);
		assertThat(this.errors).hasSize(1);
	}

	private void init(byte[] body, @Nullable String contentType) throws Exception {
		controller((schema) -> {
			assertThat(schema.getFields()).isEmpty();
			this.vended++;
			return new UploadUrl(URI.create("https://storage.example/put/" + this.vended),
					URI.create("https://storage.example/get/" + this.vended), EXPIRY);
		}).init(mock(body, contentType), this.response);
	}

	private UploadUrlController controller(UploadUrlProvider provider) {
		TransferListener listener = new TransferListener() {

			@Override
			public void uploadUrlsVended(int count) {
				UploadUrlControllerTests.this.told += count;
			}

		};
		return new UploadUrlController(provider, this.allocator,
				(request, response, status, failure) -> this.errors
					.add(status + " " + failure.getClass().getSimpleName() + " " + failure.getMessage()),
				listener, (request) -> CallerPointers.unbound(), this.clock::get);
	}

	private static MockHttpServletRequest mock(byte[] body, @Nullable String contentType) {
		MockHttpServletRequest request = new MockHttpServletRequest("POST", "/__upload_url__/init");
		request.setContent(body);
		request.setContentType(contentType);
		return request;
	}

	private byte[] request(String column, long value, String method, String version) throws Exception {
		BigIntVector vector = new BigIntVector(column, this.allocator);
		vector.setSafe(0, value);
		vector.setValueCount(1);
		return bytes(AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))), method, version);
	}

	private byte[] withoutRow() throws Exception {
		return bytes(AnnotatedBatch.of(new VectorSchemaRoot(List.of(new BigIntVector("count", this.allocator)))),
				"__upload_url__", "1");
	}

	private static byte[] bytes(AnnotatedBatch batch, String method, String version) throws Exception {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method)
			.with(MetadataKeys.REQUEST_VERSION, version);
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (AnnotatedBatch request = batch.withMetadata(metadata);
				GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(request))) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		return bytes.toByteArray();
	}

}
