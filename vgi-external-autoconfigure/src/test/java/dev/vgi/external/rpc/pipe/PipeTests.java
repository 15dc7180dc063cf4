package dev.vgi.external.rpc.pipe;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.Pipe.SinkChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LimitExceededException;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.batch.StreamTooLongException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link Pipe}.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PipeTests {

	private final BufferAllocator allocator = new RootAllocator();

	private final List<AutoCloseable> open = new ArrayList<>();

	@AfterEach
	void nothingIsLeft() throws Exception {
		for (AutoCloseable each : this.open) {
			each.close();
		}
		this.allocator.close();
	}

	@Test
	void batchesOfAllSizesArriveThroughChannels() throws Exception {
		java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
		arrive(connect(Pipe.of(system.source(), system.sink())));
	}

	@Test
	void batchesOfAllSizesArriveThroughStreams() throws Exception {
		PipedOutputStream out = new PipedOutputStream();
		arrive(connect(Pipe.of(new PipedInputStream(out, 1000), out)));
	}

	private void arrive(Pipe pipe) {
		int[] sizes = { 0, 1, 10, 8191, 8192, 8193, 200_000, 3_000_000, 2 };
		CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
			for (int size : sizes) {
				send(pipe, size, List.of());
			}
		});
		for (int size : sizes) {
			// Each reader leaves the pipe exactly where the next one begins.
			try (IpcStreamReader reader = reader(pipe); AnnotatedBatch batch = first(reader)) {
				assertThat(values(batch)).isEqualTo(size);
				reader.endStream();
				assertThat(reader.isBrokenOff()).isFalse();
			}
		}
		sender.join();
	}

	@Test
	void theRestOfAStreamIsSkippedAndNothingBehindIt() throws Exception {
		java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
		Pipe pipe = connect(Pipe.of(system.source(), system.sink()));
		send(pipe, 3, List.of(new LogMessage("INFO", "first", Map.of())));
		send(pipe, 4, List.of());
		try (IpcStreamReader reader = reader(pipe)) {
			reader.nextStream();
			reader.endStream();
			assertThat(reader.next()).isNull();
		}
		try (IpcStreamReader reader = reader(pipe); AnnotatedBatch batch = first(reader)) {
			assertThat(values(batch)).isEqualTo(4);
		}
	}

	@Test
	void anEndWithoutMarkerIsNoticed() throws Exception {
		java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
		Pipe pipe = connect(Pipe.of(system.source(), system.sink()));
		try (AnnotatedBatch batch = batch(5);
				IpcStreamWriter writer = new IpcStreamWriter(pipe.output(), batch.schema(), batch.dictionaries())) {
			writer.write(batch);
		}
		pipe.endOutput();
		try (IpcStreamReader reader = reader(pipe)) {
			first(reader).close();
			assertThat(reader.next()).isNull();
			assertThat(reader.isBrokenOff()).isTrue();
		}
	}

	@Test
	void aTurnHasAnAccountOfItsOwn() throws Exception {
		java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
		Pipe pipe = connect(Pipe.of(system.source(), system.sink()));
		ReadOptions options = ReadOptions.of(ReadLimits.defaults().withLogBatches(2));
		BatchMetadata log = new LogMessage("INFO", "m", Map.of()).toMetadata();
		try (AnnotatedBatch batch = batch(1);
				IpcStreamWriter writer = new IpcStreamWriter(pipe.output(), batch.schema(), batch.dictionaries());
				IpcStreamReader reader = pipe.reader(4000, this.allocator, options)) {
			for (int turn = 0; turn < 10; turn++) {
				writer.writeEmpty(log);
				writer.writeEmpty(log);
				writer.write(batch);
				if (turn == 0) {
					reader.nextStream();
				}
				for (int i = 0; i < 3; i++) {
					next(reader).close();
				}
				reader.newAccount();
			}
			for (int i = 0; i < 3; i++) {
				writer.writeEmpty(log);
			}
			next(reader).close();
			next(reader).close();
			assertThatExceptionOfType(LimitExceededException.class).isThrownBy(reader::next);
		}
	}

	@Test
	void bytesCountAgainstTheAccount() throws Exception {
		java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
		Pipe pipe = connect(Pipe.of(system.source(), system.sink()));
		try (AnnotatedBatch batch = batch(1000);
				IpcStreamWriter writer = new IpcStreamWriter(pipe.output(), batch.schema(), batch.dictionaries());
				IpcStreamReader reader = pipe.reader(9000, this.allocator, ReadOptions.defaults())) {
			writer.write(batch);
			writer.write(batch);
			writer.write(batch);
			reader.nextStream();
			next(reader).close();
			reader.newAccount();
			next(reader).close();
			assertThatExceptionOfType(StreamTooLongException.class).isThrownBy(reader::next);
		}
	}

	@Test
	void whatIsNoArrowIsKnown() throws Exception {
		for (boolean channels : new boolean[] { true, false }) {
			java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
			Pipe pipe = connect(channels ? Pipe.of(system.source(), system.sink())
					: Pipe.of(Channels.newInputStream(system.source()), stream(system.sink())));
			send(pipe, 1, List.of());
			pipe.output().write(ByteBuffer.wrap("Traceback (most recent".getBytes(StandardCharsets.UTF_8)));
			try (IpcStreamReader reader = reader(pipe)) {
				first(reader).close();
				reader.endStream();
			}
			pipe.mark();
			try (IpcStreamReader reader = reader(pipe)) {
				assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(reader::nextStream);
			}
			assertThat(new String(pipe.sinceMark(), StandardCharsets.UTF_8)).isEqualTo("Traceback (most recent");
		}
	}

	private static OutputStream stream(SinkChannel sink) {
		return Channels.newOutputStream(sink);
	}

	@Test
	void aBlockedThreadWakesUp() throws Exception {
		java.nio.channels.Pipe system = java.nio.channels.Pipe.open();
		Pipe pipe = connect(Pipe.of(system.source(), system.sink()));
		Thread reading = new Thread(() -> {
			try (IpcStreamReader reader = reader(pipe)) {
				assertThatExceptionOfType(UncheckedIOException.class).isThrownBy(reader::nextStream)
					.withCauseInstanceOf(IOException.class);
			}
		});
		reading.start();
		while (reading.getState() == Thread.State.NEW) {
			Thread.onSpinWait();
		}
		pipe.close();
		reading.join();
		assertThat(pipe.isOpen()).isFalse();
	}

	private Pipe connect(Pipe pipe) {
		this.open.add(pipe);
		return pipe;
	}

	private IpcStreamReader reader(Pipe pipe) {
		return pipe.reader(Long.MAX_VALUE, this.allocator, ReadOptions.defaults());
	}

	private static AnnotatedBatch first(IpcStreamReader reader) {
		assertThat(reader.nextStream()).isTrue();
		return next(reader);
	}

	private static AnnotatedBatch next(IpcStreamReader reader) {
		AnnotatedBatch batch = reader.next();
		assertThat(batch).isNotNull();
		return batch;
	}

	private void send(Pipe pipe, int size, List<LogMessage> logs) {
		try (OutputCycle cycle = new OutputCycle(logs, batch(size));
				GatheredStream stream = IpcStreamWriter.gather(cycle)) {
			pipe.send(stream);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private AnnotatedBatch batch(int size) {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(size);
		for (int i = 0; i < size; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(size);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

	private static int values(AnnotatedBatch batch) {
		BigIntVector vector = (BigIntVector) batch.root().getVector(0);
		for (int i = 0; i < vector.getValueCount(); i++) {
			if (vector.get(i) != i) {
				return -1;
			}
		}
		return vector.getValueCount();
	}

}
