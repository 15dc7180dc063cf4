package dev.vgi.external.rpc.server;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.method.HostedProtocol;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Describes all methods to peers of the flat dialect, one row per method. Immutable.
 */
public final class MethodTable {

	/** Name of the method that returns the table, as it stands in paths and metadata. */
	public static final String METHOD = "__describe__";

	private static final String VERSION = "4";

	private static final Schema SCHEMA = new Schema(List.of(column("name", ArrowType.Utf8.INSTANCE),
			column("method_type", ArrowType.Utf8.INSTANCE), column("has_return", ArrowType.Bool.INSTANCE),
			column("params_schema_ipc", ArrowType.Binary.INSTANCE),
			column("result_schema_ipc", ArrowType.Binary.INSTANCE), column("has_header", ArrowType.Bool.INSTANCE),
			column("header_schema_ipc", ArrowType.Binary.INSTANCE), column("is_exchange", ArrowType.Bool.INSTANCE)));

	private final String serverId;

	private final Map<String, HostedProtocol> protocols;

	/**
	 * Create a table.
	 * @param serverId identifier of the process
	 * @param protocols the hosted protocols by name, without reflection
	 */
	public MethodTable(String serverId, Map<String, HostedProtocol> protocols) {
		this.serverId = serverId;
		this.protocols = protocols;
	}

	private static Field column(String name, ArrowType type) {
		return new Field(name, FieldType.nullable(type), null);
	}

	/**
	 * Write the table.
	 * @param allocator the owner of its memory
	 * @return the rows; the caller closes them
	 */
	public AnnotatedBatch batch(BufferAllocator allocator) {
		return AnnotatedBatch.of(rows(allocator)).withMetadata(metadata());
	}

	private BatchMetadata metadata() {
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put(MetadataKeys.PROTOCOL_NAME, String.join(",", this.protocols.keySet()));
		entries.put(MetadataKeys.REQUEST_VERSION, "1");
		entries.put(MetadataKeys.DESCRIBE_VERSION, VERSION);
		entries.put(MetadataKeys.SERVER_ID, this.serverId);
		for (HostedProtocol protocol : this.protocols.values()) {
			entries.putIfAbsent(MetadataKeys.PROTOCOL_HASH, protocol.hash());
			if (!protocol.version().isEmpty()) {
				entries.putIfAbsent(MetadataKeys.PROTOCOL_VERSION, protocol.version());
			}
		}
		return BatchMetadata.of(entries);
	}

	private VectorSchemaRoot rows(BufferAllocator allocator) {
		Map<String, RpcMethodDescriptor> methods = new TreeMap<>();
		this.protocols.values()
			.forEach((protocol) -> protocol.methods().forEach((method) -> methods.put(method.name(), method)));
		VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, allocator);
		int row = 0;
		for (RpcMethodDescriptor method : methods.values()) {
			text(root, 0, row, method.name());
			text(root, 1, row, HostedProtocol.methodType(method));
			flag(root, 2, row, HostedProtocol.hasReturn(method));
			bytes(root, 3, row, HostedProtocol.parameters(method));
			bytes(root, 4, row, HostedProtocol.result(method));
			flag(root, 5, row, method.header() != null);
			bytes(root, 6, row, HostedProtocol.header(method));
			// This format does not tell whether a stream is an exchange.
			((BitVector) root.getVector(7)).setNull(row);
			row++;
		}
		root.setRowCount(row);
		return root;
	}

	private static void text(VectorSchemaRoot root, int column, int row, String value) {
		((VarCharVector) root.getVector(column)).setSafe(row, value.getBytes(StandardCharsets.UTF_8));
	}

	private static void flag(VectorSchemaRoot root, int column, int row, boolean value) {
		((BitVector) root.getVector(column)).setSafe(row, value ? 1 : 0);
	}

	private static void bytes(VectorSchemaRoot root, int column, int row, byte @Nullable [] value) {
		VarBinaryVector vector = (VarBinaryVector) root.getVector(column);
		if (value != null) {
			vector.setSafe(row, value);
		}
		else {
			vector.setNull(row);
		}
	}

}
