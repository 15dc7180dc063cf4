package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.VgiExternalException.Kind;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
	void metadataOfABatchThatIsNoTextIsNotSupported() {
		assertNotSupported(ForeignStreams.batchMetadata(), "metadata 'key' that is not UTF-8");
	}

	@Test
	void compressedBuffersAreNotSupportedAndTheErrorSaysHowToWriteWithout() {
		assertNotSupported(ForeignStreams.compressed(), "compressed Arrow buffers (LZ4, ZSTD): write the stream "
				+ "without compression, in pyarrow with IpcWriteOptions(compression=None)");
	}

	@Test
	void membersOfOneNameAreNotSupported() {
		assertNotSupported(ForeignStreams.equalMembers(), "a struct of members with equal names in column 'x'");
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
