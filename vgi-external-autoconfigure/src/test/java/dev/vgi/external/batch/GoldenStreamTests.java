package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

import dev.vgi.external.codec.ContentCodec;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Reads bytes recorded between the reference's client and server.
 */
class GoldenStreamTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@ValueSource(strings = { "add-floats.request", "add-floats.response", "echo-all-types.request",
			"echo-all-types.response", "echo-dict.request", "echo-dict.response", "echo-enum.request",
			"echo-enum.response", "echo-bounding-box.request", "echo-nested-list.response",
			"echo-optional-string-null.request", "echo-with-log-extras.response", "raise-value-error.response",
			"pointer-in.2.request", "exchange-scale.0.request", "exchange-scale.1.request", "exchange-scale.0.response",
			"exchange-scale.1.response", "produce-n.0.response", "upload-urls.3.request", "upload-urls.3.response",
			"void-noop.request", "void-noop.response" })
	void readsWhatTheStockReaderReads(String name) throws IOException {
		byte[] bytes = resource(name + ".arrow");
		List<Object> expected = new ArrayList<>();
		ByteArrayInputStream in = new ByteArrayInputStream(bytes);
		while (in.available() > 0) {
			try (ArrowStreamReader reader = new ArrowStreamReader(in, this.allocator)) {
				while (reader.loadNextBatch()) {
					expected.add(SampleBatches
						.values(new AnnotatedBatch(reader.getVectorSchemaRoot(), reader, BatchMetadata.empty())));
				}
			}
		}
		List<Object> actual = new ArrayList<>();
		each(bytes, (batch) -> actual.add(SampleBatches.values(batch)));
		assertThat(actual).isNotEmpty().isEqualTo(expected);
	}

	@ParameterizedTest
	@ValueSource(strings = { "echo-all-types.request", "echo-dict.request", "echo-enum.request",
			"echo-bounding-box.request", "raise-value-error.response", "produce-n.0.response" })
	void writtenAgainTheValuesAreTheSame(String name) {
		each(resource(name + ".arrow"), (batch) -> {
			byte[] again = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
			each(again, (read) -> {
				assertThat(SampleBatches.values(read)).isEqualTo(SampleBatches.values(batch));
				assertThat(read.metadata()).isEqualTo(batch.metadata());
				assertThat(read.schema()).isEqualTo(batch.schema());
			});
		});
	}

	@Test
	void readsMetadataOfARequest() {
		each(resource("upload-urls.3.request.arrow"), (batch) -> {
			assertThat(batch.metadata().get(MetadataKeys.METHOD)).isEqualTo("__upload_url__");
			assertThat(batch.metadata().get(MetadataKeys.REQUEST_VERSION)).isEqualTo("1");
			assertThat(((BigIntVector) batch.root().getVector("count")).get(0)).isPositive();
		});
	}

	@Test
	void readsValues() {
		each(resource("add-floats.request.arrow"), (batch) -> {
			assertThat(batch.root().getVector("a")).isInstanceOf(Float8Vector.class);
			assertThat(batch.metadata().get(MetadataKeys.METHOD)).isEqualTo("add_floats");
		});
	}

	@Test
	void readsLogsAndErrors() {
		List<BatchKind> kinds = new ArrayList<>();
		each(resource("echo-with-log-extras.response.arrow"), (batch) -> {
			kinds.add(BatchKind.of(batch.rowCount(), batch.metadata()));
			if (batch.rowCount() == 0) {
				LogMessage log = Objects.requireNonNull(LogMessage.from(batch.metadata()));
				assertThat(log.level()).isEqualTo("INFO");
				assertThat(log.extra()).containsEntry("source", "conformance");
			}
		});
		assertThat(kinds).containsExactly(BatchKind.LOG, BatchKind.DATA);
		each(resource("raise-value-error.response.arrow"), (batch) -> {
			assertThat(BatchKind.of(batch.rowCount(), batch.metadata())).isEqualTo(BatchKind.ERROR);
			ErrorBatchException error = ErrorBatchException.from(batch.metadata());
			assertThat(error.errorType()).isEqualTo("ValueError");
			assertThat(error.remoteTraceback()).contains("Traceback");
		});
	}

	@Test
	void findsPointersAndTokens() {
		each(resource("pointer-in.2.request.arrow"), (batch) -> {
			assertThat(BatchKind.of(batch.rowCount(), batch.metadata())).isEqualTo(BatchKind.POINTER);
			assertThat(batch.metadata().get(MetadataKeys.LOCATION)).startsWith("http");
		});
		List<BatchKind> kinds = new ArrayList<>();
		each(resource("produce-n.0.response.arrow"),
				(batch) -> kinds.add(BatchKind.ofStreamResponse(batch.rowCount(), batch.metadata())));
		assertThat(kinds).contains(BatchKind.DATA, BatchKind.TOKEN);
	}

	@ParameterizedTest
	@ValueSource(strings = { "echo-string-zstd.request.arrow.zst", "echo-string-zstd.response.arrow.zst",
			"pointer-in-max-decompressed-bytes.1.response.bin.zst" })
	void decodesWhatTheReferenceCompressed(String name) throws IOException {
		ContentCodec codec = Objects.requireNonNull(ContentCodec.forCoding("zstd"));
		try (InputStream decoded = codec.decode(new ByteArrayInputStream(resource(name)))) {
			each(decoded.readAllBytes(), (batch) -> assertThat(SampleBatches.values(batch)).isNotEmpty());
		}
	}

	private void each(byte[] bytes, Consumer<AnnotatedBatch> action) {
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, bytes);
				IpcStreamReader reader = IpcStreamReader.of(body, bytes.length, this.allocator)) {
			int batches = 0;
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					try (AnnotatedBatch owned = batch) {
						action.accept(owned);
						batches++;
					}
				}
			}
			assertThat(batches).isPositive();
			assertThat(reader.position()).isEqualTo(bytes.length);
		}
	}

	private static byte[] resource(String name) {
		try (InputStream in = GoldenStreamTests.class.getResourceAsStream("/golden/" + name)) {
			return Objects.requireNonNull(in, name).readAllBytes();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
