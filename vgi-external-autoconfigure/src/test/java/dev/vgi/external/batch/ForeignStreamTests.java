package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException.Kind;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Sound streams of other Arrow libraries: {@link IpcStreamReader} reads them, or says
 * what it is in them that cannot be read.
 */
class ForeignStreamTests {

	private final RootAllocator allocator = new RootAllocator();

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = { "decimal32 | decimal32 in column 'x'", "decimal64 | decimal64 in column 'x'",
			"int128 | int128 in column 'x'", "uint128 | uint128 in column 'x'", "binary(0) | binary(0) in column 'x'",
			"type 99 | type 99 in column 'x'", "list of decimal64 | decimal64 in column 'x.item'",
			"indices of int128 | indices of type int128 in column 'x'",
			"name | a name that is not UTF-8 in column 'a\uFFFDb'",
			"time zone | a time zone that is not UTF-8 in column 'x'",
			"metadata | metadata 'key' that is not UTF-8 in column 'x'",
			"schema metadata | metadata 'key' that is not UTF-8" })
	void whatCannotBeHeldIsNotSupported(String what, String message) {
		byte[] stream = ForeignStreams.of(what);
		assertNotSupported(stream, message);
		assertThatExceptionOfType(UnsupportedStreamException.class)
			.isThrownBy(() -> IpcStreamReader.readSchema(stream, this.allocator))
			.withMessage("Not supported: " + message);
	}

	@Test
	void namesAreShownShortAndInOneLine() {
		assertNotSupported(ForeignStreams.of("long name"), "decimal64 in column 'line?break" + "x".repeat(90) + "...'");
	}

	@Test
	void metadataOfABatchThatIsNoTextIsNotSupported() {
		assertNotSupported(ForeignStreams.batchMetadata(), "metadata 'key' that is not UTF-8");
	}

	@Test
	void compressionsThatTheFormatDoesNotKnowAreNotSupported() {
		assertNotSupported(ForeignStreams.compressed(7, 0, 2, new byte[16]), "the compression 7 of Arrow buffers");
		assertNotSupported(ForeignStreams.compressed(-1, 0, 2, new byte[16]), "the compression -1 of Arrow buffers");
		assertNotSupported(ForeignStreams.compressed(0, 1, 2, new byte[16]),
				"the compression method 1 of a record batch: only its buffers can be compressed");
		assertNotSupported(ForeignStreams.compressedAsIn017(), "the experimental compression of Arrow 0.17");
	}

	@Test
	void membersOfOneNameAreNotSupported() {
		assertNotSupported(ForeignStreams.equalMembers(), "a struct of members with equal names in column 'x'");
	}

	@Test
	void unionOfBeforeArrow1IsRead() {
		byte[] stream = ForeignStreams.oldUnion(0);
		try (IpcStreamReader reader = reader(stream)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.rowCount()).isEqualTo(2);
				assertThat(batch.root().getVector(0).getChildrenFromFields().get(0).getObject(1)).isEqualTo(2L);
			}
		}
		assertNotSupported(ForeignStreams.oldUnion(1), "a union with nulls of its own in column 'x'");
	}

	static Stream<Function<BufferAllocator, AnnotatedBatch>> seeds() {
		return HostileStreamTests.seeds();
	}

	@ParameterizedTest
	@MethodSource("seeds")
	void framingOfBeforeArrow015IsRead(Function<BufferAllocator, AnnotatedBatch> seed) {
		byte[] marked;
		try (AnnotatedBatch batch = seed.apply(this.allocator).withMetadata(BatchMetadata.of("key", "value"))) {
			marked = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
		}
		byte[] unmarked = ForeignStreams.framedAsBefore015(marked);
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		List.of(unmarked, marked, unmarked).forEach(all::writeBytes);
		List<Object> expected = read(reader(marked));
		List<Object> three = new ArrayList<>(expected);
		three.addAll(expected);
		three.addAll(expected);
		assertThat(read(reader(all.toByteArray()))).isEqualTo(three);
		try (ArrowBuf body = SampleBatches.offHeap(this.allocator, all.toByteArray())) {
			assertThat(read(IpcStreamReader.of(body, all.size(), this.allocator))).isEqualTo(three);
		}
		for (int length = 1; length < unmarked.length - Integer.BYTES; length++) {
			byte[] cut = Arrays.copyOf(unmarked, length);
			try {
				// between two messages a stream may end
				assertThat(read(reader(cut))).as("cut to %d", length).hasSizeLessThan(expected.size());
			}
			catch (CorruptStreamException ex) {
				assertThat(ex).hasMessageContaining("stream");
			}
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
	}

	private IpcStreamReader reader(byte[] stream) {
		return IpcStreamReader.of(new ByteArrayInputStream(stream), stream.length, this.allocator);
	}

	private static List<Object> read(IpcStreamReader reader) {
		List<Object> values = new ArrayList<>();
		try (reader) {
			while (reader.nextStream()) {
				for (AnnotatedBatch batch = reader.next(); batch != null; batch = reader.next()) {
					try (AnnotatedBatch owned = batch) {
						values.add(SampleBatches.values(owned));
						values.add(owned.metadata());
					}
				}
			}
		}
		return values;
	}

	private void assertNotSupported(byte[] stream, String message) {
		assertThatExceptionOfType(UnsupportedStreamException.class).isThrownBy(() -> read(reader(stream)))
			.withMessage("Not supported: " + message)
			.extracting(UnsupportedStreamException::kind)
			.isEqualTo(Kind.UNSUPPORTED);
	}

}
