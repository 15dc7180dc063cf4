package dev.vgi.external.fuzz;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.ErrorBatchException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.batch.SampleBatches;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * Streams in the IPC format: whatever the reader accepts can be read value by value,
 * decoded, and written so that it reads the same.
 */
public final class IpcTarget {

	private static final List<List<byte[]>> SAMPLES = Streams.samples().stream().map(Streams::messages).toList();

	private static final ReadOptions OPTIONS = ReadOptions.defaults().withMaxSize(1 << 20);

	private static final ReadOptions TIGHT = ReadOptions.of(new ReadLimits(2, 400, 12)).withMaxSize(1 << 12);

	/** Of each vector, from both ends: a run can be as long as it likes. */
	private static final int MOST_VALUES = 512;

	private static final Guard GUARD = new Guard(IpcTarget::run, Kind.CORRUPT_STREAM, Kind.LIMIT_EXCEEDED,
			Kind.TOO_LARGE, Kind.UNSUPPORTED);

	private IpcTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	private static void run(Script script, BufferAllocator allocator) {
		int how = script.octet();
		byte[] bytes = Streams.of(script, SAMPLES);
		ReadOptions options = ((how & 1) != 0) ? TIGHT : OPTIONS;
		if ((how & 2) != 0) {
			int piece = 1 + (how >> 6) * 7;
			try (IpcStreamReader reader = IpcStreamReader.of(Streams.inPieces(bytes, piece), 1 << 20, allocator,
					options)) {
				readAll(reader, how, allocator);
			}
		}
		else {
			try (ArrowBuf body = allocator.buffer(bytes.length + 1L)) {
				// Seldom aligned, as a slice of something larger.
				int offset = ((how & 0xC0) == 0xC0) ? 1 : 0;
				body.setBytes(offset, bytes);
				try (IpcStreamReader reader = IpcStreamReader.of(body.slice(offset, bytes.length), bytes.length,
						allocator, options)) {
					readAll(reader, how, allocator);
				}
			}
		}
	}

	private static void readAll(IpcStreamReader reader, int how, BufferAllocator allocator) {
		boolean complete = false;
		try {
			while (reader.nextStream()) {
				reader.zeroRows().close();
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					use(batch, how, allocator);
					if ((how & 4) != 0) {
						reader.endStream();
					}
				}
				if ((how & 8) != 0) {
					reader.newAccount();
				}
			}
			complete = true;
		}
		finally {
			if (!complete) {
				reader.skipBrokenStream();
			}
			reader.endAccount();
		}
		reader.readToEnd();
	}

	private static void use(AnnotatedBatch batch, int how, BufferAllocator allocator) {
		try (batch) {
			BatchKind.ofStreamResponse(batch.rowCount(), batch.metadata());
			LogMessage log = LogMessage.from(batch.metadata());
			if (log != null) {
				Objects.requireNonNull(ErrorBatchException.from(batch.metadata()).getMessage());
			}
			Guard.require(batch.bufferSize() >= 0, "a negative size");
			List<List<String>> values = values(batch);
			if ((how & 16) != 0) {
				byte[] written = SampleBatches.bytes(IpcStreamWriter.gather(new OutputCycle(List.of(), batch)));
				try (IpcStreamReader again = IpcStreamReader.of(Streams.inPieces(written, 1 << 16), written.length,
						allocator)) {
					again.nextStream();
					try (AnnotatedBatch copy = Objects.requireNonNull(again.next(), "nothing was written")) {
						Guard.require(values.equals(values(copy)), "written and read, the values are others");
						Guard.require(batch.metadata().equals(copy.metadata()), "other metadata");
					}
				}
			}
			if ((how & 32) != 0) {
				try (VectorSchemaRoot plain = batch.decode(allocator)) {
					plain.getFieldVectors().forEach(IpcTarget::values);
				}
			}
		}
	}

	private static List<List<String>> values(AnnotatedBatch batch) {
		List<List<String>> values = new ArrayList<>();
		batch.root().getFieldVectors().forEach((vector) -> values.add(values(vector)));
		batch.dictionaries()
			.getDictionaryIds()
			.stream()
			.sorted()
			.forEach((id) -> values.add(values(Objects.requireNonNull(batch.dictionaries().lookup(id)).getVector())));
		return values;
	}

	private static List<String> values(FieldVector vector) {
		List<String> values = new ArrayList<>();
		int count = vector.getValueCount();
		for (int i = 0; i < Math.min(count, MOST_VALUES); i++) {
			values.add(text(vector.getObject(i)));
		}
		for (int i = Math.max(MOST_VALUES, count - MOST_VALUES); i < count; i++) {
			values.add(text(vector.getObject(i)));
		}
		return values;
	}

	static String text(Object value) {
		return (value instanceof byte[] bytes) ? Arrays.toString(bytes) : String.valueOf(value);
	}

}
