package dev.vgi.external.rpc.server.http;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.ArrowMediaType;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.method.HostedProtocol;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.web.server.ErrorWriter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
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

import org.springframework.web.bind.annotation.PostMapping;

/**
 * Describes all methods to peers of the flat dialect: {@code POST {prefix}/__describe__}
 * returns one row per method.
 */
final class DescribeController {

	/** Name of the method, as it stands in paths and metadata. */
	static final String METHOD = "__describe__";

	private static final String VERSION = "4";

	private static final int MAX_REQUEST = 64 * 1024;

	private static final Schema SCHEMA = new Schema(List.of(column("name", ArrowType.Utf8.INSTANCE),
			column("method_type", ArrowType.Utf8.INSTANCE), column("has_return", ArrowType.Bool.INSTANCE),
			column("params_schema_ipc", ArrowType.Binary.INSTANCE),
			column("result_schema_ipc", ArrowType.Binary.INSTANCE), column("has_header", ArrowType.Bool.INSTANCE),
			column("header_schema_ipc", ArrowType.Binary.INSTANCE), column("is_exchange", ArrowType.Bool.INSTANCE)));

	private final String serverId;

	private final Map<String, HostedProtocol> protocols;

	private final BufferAllocator allocator;

	private final ErrorWriter errors;

	DescribeController(String serverId, Map<String, HostedProtocol> protocols, BufferAllocator allocator,
			ErrorWriter errors) {
		this.serverId = serverId;
		this.protocols = protocols;
		this.allocator = allocator;
		this.errors = errors;
	}

	private static Field column(String name, ArrowType type) {
		return new Field(name, FieldType.nullable(type), null);
	}

	/**
	 * Describe the methods: 415 for a body that is not Arrow, 400 for a request that does
	 * not follow the protocol.
	 * @param request the request
	 * @param response the response
	 * @throws IOException if the caller has disconnected
	 */
	@PostMapping("/" + METHOD)
	void describe(HttpServletRequest request, HttpServletResponse response) throws IOException {
		String contentType = request.getContentType();
		if (!ArrowMediaType.isNamedBy(contentType)) {
			response.sendError(HttpServletResponse.SC_UNSUPPORTED_MEDIA_TYPE);
			return;
		}
		try (IpcStreamReader reader = IpcStreamReader.of(request.getInputStream(), MAX_REQUEST, this.allocator);
				AnnotatedBatch batch = reader.nextStream() ? reader.next() : null) {
			if (batch == null || !METHOD.equals(batch.metadata().get(MetadataKeys.METHOD))
					|| !"1".equals(batch.metadata().get(MetadataKeys.REQUEST_VERSION))) {
				throw new CorruptStreamException("The request is not for " + METHOD);
			}
			reader.readToEnd();
		}
		catch (CorruptStreamException ex) {
			this.errors.writeError(request, response, HttpServletResponse.SC_BAD_REQUEST, ex);
			return;
		}
		catch (VgiExternalException ex) {
			this.errors.writeError(request, response, HttpServletResponse.SC_OK, ex);
			return;
		}
		try (AnnotatedBatch rows = AnnotatedBatch.of(rows()).withMetadata(metadata());
				GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(rows))) {
			response.setContentType(ArrowMediaType.NAME);
			response.setContentLengthLong(body.length());
			body.writeTo(response.getOutputStream());
		}
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

	private VectorSchemaRoot rows() {
		Map<String, RpcMethodDescriptor> methods = new TreeMap<>();
		this.protocols.values()
			.forEach((protocol) -> protocol.methods().forEach((method) -> methods.put(method.name(), method)));
		VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator);
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
