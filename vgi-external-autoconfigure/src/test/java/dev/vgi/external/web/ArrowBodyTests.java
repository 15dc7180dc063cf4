package dev.vgi.external.web;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.codec.CodedBodies;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.rpc.Loopback;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import org.springframework.core.ResolvableType;
import org.springframework.mock.http.MockHttpInputMessage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for what {@link ArrowStreamHttpMessageConverter} makes of a body, and when.
 */
class ArrowBodyTests {

	private final RootAllocator allocator = new RootAllocator();

	private final List<LogMessage> logs = new ArrayList<>();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@EnumSource
	void logsAreDeliveredOnceTheBodyWasReadToItsChecksum(CodedBodies.End end) throws IOException {
		LogMessage log = new LogMessage("INFO", "early", Map.of());
		byte[] body = empty(log.toMetadata());
		if (end != CodedBodies.End.WHOLE) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> read(body, end));
			assertThat(this.logs).isEmpty();
			return;
		}
		read(body, end);
		assertThat(this.logs).containsExactly(log);
	}

	@ParameterizedTest
	@EnumSource
	void errorIsRaisedOnceTheBodyWasReadToItsChecksum(CodedBodies.End end) {
		byte[] body = empty(new LogMessage(LogMessage.EXCEPTION, "no", Map.of()).toMetadata());
		assertThatExceptionOfType(
				(end == CodedBodies.End.WHOLE) ? ErrorBatchException.class : CorruptStreamException.class)
			.isThrownBy(() -> read(body, end));
	}

	private byte[] empty(BatchMetadata metadata) {
		try (AnnotatedBatch batch = AnnotatedBatch.empty(new Schema(List.of()), metadata, this.allocator)) {
			return Loopback.bytes(batch);
		}
	}

	private void read(byte[] body, CodedBodies.End end) throws IOException {
		ArrowStreamHttpMessageConverter converter = new ArrowStreamHttpMessageConverter(this.allocator, 1 << 20, false);
		ContentCodec codec = ContentCodec.forCoding("zstd");
		assertThat(codec).isNotNull();
		try (InputStream decoded = codec.decode(new ByteArrayInputStream(CodedBodies.encode("zstd", body, end)))) {
			converter
				.readAll(new MockHttpInputMessage(decoded), ResolvableType.forClass(AnnotatedBatch.class),
						this.logs::add)
				.close();
		}
	}

}
