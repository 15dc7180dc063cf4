package dev.vgi.external.batch;

import java.io.ByteArrayInputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

import com.google.flatbuffers.FlatBufferBuilder;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Null;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.TimeUnit;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link MessageHead}, with streams that contain it.
 */
class MessageHeadTests {

	// a limit shows allocations that nothing in the stream pays for
	private final RootAllocator allocator = new RootAllocator(1 << 26);

	@AfterEach
	void closeAllocator() {
		this.allocator.close();
	}

	@Test
	void lastOfEqualKeysWins() {
		byte[] bytes;
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put("keyA", "first");
		entries.put("keyB", "second");
		try (AnnotatedBatch batch = SampleBatches.numbers(this.allocator, 2).withMetadata(BatchMetadata.of(entries))) {
			bytes = SampleBatches.bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
		}
		replace(bytes, "keyB", SampleBatches.utf8("keyA"));
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(bytes), bytes.length,
				this.allocator)) {
			reader.nextStream();
			try (AnnotatedBatch batch = SampleBatches.next(reader)) {
				assertThat(batch.metadata().asMap()).containsExactly(Map.entry("keyA", "second"));
			}
		}
	}

	private static void replace(byte[] bytes, String text, byte[] replacement) {
		byte[] wanted = SampleBatches.utf8(text);
		for (int i = 0; i + wanted.length <= bytes.length; i++) {
			if (Arrays.equals(bytes, i, i + wanted.length, wanted, 0, wanted.length)) {
				System.arraycopy(replacement, 0, bytes, i, replacement.length);
				return;
			}
		}
		throw new IllegalArgumentException(text);
	}

	@Test
	void bigEndianStreamIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[0]);
		int schema = Schema.createSchema(builder, Endianness.Big, fields, 0, 0);
		Messages.assertRefused(this.allocator, Messages.message(builder, schema, MetadataVersion.V5), "big-endian");
	}

	@Test
	void oldMetadataVersionIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int fields = Schema.createFieldsVector(builder, new int[0]);
		int schema = Schema.createSchema(builder, Endianness.Little, fields, 0, 0);
		Messages.assertRefused(this.allocator, Messages.message(builder, schema, MetadataVersion.V3),
				"metadata version V3");
	}

	@Test
	void schemaWhosePartsAreSharedAMillionTimesIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int field = Messages.field(builder, new int[0]);
		for (int depth = 0; depth < 40; depth++) {
			field = Messages.field(builder, new int[] { field, field });
		}
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
		Messages.assertRefused(this.allocator, Messages.message(builder, schema, MetadataVersion.V5), "overlap");
	}

	@ParameterizedTest
	@EnumSource
	void partsThatAreSharedAreRefused(Shared shared) {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int name = builder.createString((shared == Shared.NAME) ? "n".repeat(1000) : "n");
		int zone = builder.createString("z".repeat(1000));
		int ids = Union.createTypeIdsVector(builder, new int[200]);
		int entry = KeyValue.createKeyValue(builder, builder.createString("k"), builder.createString("v".repeat(500)));
		int[] fields = new int[500];
		for (int i = 0; i < fields.length; i++) {
			int children = Field.createChildrenVector(builder, new int[0]);
			int entries = (shared == Shared.ENTRY) ? Field.createCustomMetadataVector(builder, new int[] { entry }) : 0;
			byte type = (shared == Shared.ZONE) ? Type.Timestamp : (shared == Shared.IDS) ? Type.Union : Type.Null;
			int table = switch (shared) {
				case ZONE -> Timestamp.createTimestamp(builder, TimeUnit.SECOND, zone);
				case IDS -> Union.createUnion(builder, UnionMode.Dense, ids);
				default -> {
					Null.startNull(builder);
					yield Null.endNull(builder);
				}
			};
			fields[i] = Field.createField(builder, name, true, type, table, 0, children, entries);
		}
		int schema = Schema.createSchema(builder, Endianness.Little, Schema.createFieldsVector(builder, fields), 0, 0);
		byte[] bytes = Messages.message(builder, schema, MetadataVersion.V5);
		if (shared == Shared.NOTHING) {
			assertThat(IpcStreamReader.readSchema(bytes, this.allocator).getFields()).hasSize(fields.length);
		}
		else {
			Messages.assertRefused(this.allocator, bytes, "overlap");
		}
	}

	/**
	 * What many fields share.
	 */
	enum Shared {

		/** Only a short name, as any writer may do. */
		NOTHING,

		/** A long name. */
		NAME,

		/** A time zone. */
		ZONE,

		/** The type ids of a union. */
		IDS,

		/** An entry of metadata. */
		ENTRY

	}

	@Test
	void vectorOfAMessageHasRoomInIt() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int schema = Schema.createSchema(builder, Endianness.Little, Schema.createFieldsVector(builder, new int[0]), 0,
				0);
		byte[] bytes = Messages.message(builder, schema, MetadataVersion.V5);
		ByteBuffer flat = ByteBuffer.wrap(bytes, 8, bytes.length - 8).slice().order(ByteOrder.LITTLE_ENDIAN);
		MessageHead head = new MessageHead(flat, ReadLimits.defaults());
		int most = head.size() / 4;
		assertThat(head.count(most)).isEqualTo(most);
		assertThat(head.count(0)).isZero();
		for (int count : new int[] { most + 1, -1, Integer.MIN_VALUE, Integer.MAX_VALUE }) {
			assertThatExceptionOfType(CorruptStreamException.class).isThrownBy(() -> head.count(count))
				.withMessageContaining("more elements than it has room for");
		}
	}

	@Test
	void schemaMayNest64Levels() {
		for (int levels : new int[] { 64, 65 }) {
			FlatBufferBuilder builder = new FlatBufferBuilder();
			int field = Messages.field(builder, new int[0]);
			for (int depth = 0; depth < levels; depth++) {
				field = Messages.field(builder, new int[] { field });
			}
			int schema = Schema.createSchema(builder, Endianness.Little,
					Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
			byte[] bytes = Messages.message(builder, schema, MetadataVersion.V5);
			if (levels == 64) {
				assertThat(IpcStreamReader.readSchema(bytes, this.allocator).getFields()).hasSize(1);
			}
			else {
				Messages.assertRefused(this.allocator, bytes, "nests more than 64 levels");
			}
		}
	}

	@Test
	void deeplyNestedSchemaIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int field = Messages.field(builder, new int[0]);
		for (int depth = 0; depth < 5_000; depth++) {
			field = Messages.field(builder, new int[] { field });
		}
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
		Messages.assertRefused(this.allocator, Messages.message(builder, schema, MetadataVersion.V5), "nests");
	}

	@Test
	void fieldWithoutANameIsRefused() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int none = Field.createChildrenVector(builder, new int[0]);
		Struct_.startStruct_(builder);
		int nameless = Field.createField(builder, 0, true, Type.Struct_, Struct_.endStruct_(builder), 0, none, 0);
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { Messages.field(builder, new int[] { nameless }) }), 0,
				0);
		Messages.assertRefused(this.allocator, Messages.message(builder, schema, MetadataVersion.V5), "without a name");
	}

	@Test
	void fieldWithoutATypeIsRefused() {
		for (byte type : new byte[] { Type.NONE, Type.Int, Type.Timestamp }) {
			FlatBufferBuilder typeless = new FlatBufferBuilder();
			int none = Field.createChildrenVector(typeless, new int[0]);
			int name = typeless.createString("f");
			int field = Field.createField(typeless, name, true, type, 0, 0, none, 0);
			int schema = Schema.createSchema(typeless, Endianness.Little,
					Schema.createFieldsVector(typeless, new int[] { field }), 0, 0);
			Messages.assertRefused(this.allocator, Messages.message(typeless, schema, MetadataVersion.V5),
					"contradicts itself");
		}
	}

	@Test
	void schemaInsideAValueIsReadAsCarefully() {
		FlatBufferBuilder builder = new FlatBufferBuilder();
		int field = Messages.field(builder, new int[0]);
		for (int depth = 0; depth < 40; depth++) {
			field = Messages.field(builder, new int[] { field, field });
		}
		int schema = Schema.createSchema(builder, Endianness.Little,
				Schema.createFieldsVector(builder, new int[] { field }), 0, 0);
		byte[] bytes = Messages.message(builder, schema, MetadataVersion.V5);
		assertThatExceptionOfType(CorruptStreamException.class)
			.isThrownBy(() -> IpcStreamReader.readSchema(bytes, this.allocator))
			.withMessageContaining("overlap");
		for (int length = 0; length < bytes.length; length++) {
			byte[] cut = Arrays.copyOf(bytes, length);
			assertThatExceptionOfType(CorruptStreamException.class)
				.isThrownBy(() -> IpcStreamReader.readSchema(cut, this.allocator));
		}
	}

}
