package dev.vgi.external.rpc;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.jspecify.annotations.NullUnmarked;

/**
 * Sends the requests of streams and of other methods, as a peer does.
 */
@NullUnmarked
abstract class AbstractCallTests extends AbstractRpcTests {

	static final ArrowType INT64 = new ArrowType.Int(64, true);

	static final ArrowType FLOAT64 = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);

	StreamReply init(String method, List<FieldVector> row) {
		return init(method, row, Map.of());
	}

	StreamReply init(String method, List<FieldVector> row, Map<String, String> extra, String... headers) {
		BatchMetadata metadata = metadata(method).with(BatchMetadata.of(extra));
		return post("/" + method + "/init", metadata, row, row.isEmpty() ? 0 : 1, headers);
	}

	StreamReply turn(String method, BatchMetadata tokens, String... headers) {
		return post("/" + method + "/exchange", tokens, List.of(), 0, headers);
	}

	StreamReply exchange(String method, BatchMetadata tokens, List<FieldVector> row, int rows) {
		return post("/" + method + "/exchange", tokens, row, rows);
	}

	StreamReply post(String path, BatchMetadata metadata, List<FieldVector> row, int rows, String... headers) {
		try (AnnotatedBatch batch = batch(row, rows, metadata)) {
			HttpResponse<byte[]> response = this.loopback.post(path, Loopback.ARROW, Loopback.bytes(batch), headers);
			return StreamReply.of(response, this.allocator);
		}
	}

	static AnnotatedBatch batch(List<FieldVector> columns, int rows, BatchMetadata metadata) {
		VectorSchemaRoot root = new VectorSchemaRoot(columns);
		root.setRowCount(rows);
		return AnnotatedBatch.of(root).withMetadata(metadata);
	}

	static BatchMetadata metadata(String method) {
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put(MetadataKeys.METHOD, method);
		entries.put(MetadataKeys.REQUEST_VERSION, "1");
		entries.put(MetadataKeys.PROTOCOL_VERSION, "2.0.0");
		return BatchMetadata.of(entries);
	}

	List<FieldVector> number(String name, long value) {
		BigIntVector vector = (BigIntVector) required(name, INT64);
		vector.setSafe(0, value);
		vector.setValueCount(1);
		return List.of(vector);
	}

	FieldVector real(String name, double value) {
		Float8Vector vector = (Float8Vector) required(name, FLOAT64);
		vector.setSafe(0, value);
		vector.setValueCount(1);
		return vector;
	}

	FieldVector text(String name, String value) {
		VarCharVector vector = (VarCharVector) required(name, ArrowType.Utf8.INSTANCE);
		vector.setSafe(0, value.getBytes(StandardCharsets.UTF_8));
		vector.setValueCount(1);
		return vector;
	}

	FieldVector required(String name, ArrowType type) {
		return new Field(name, FieldType.notNullable(type), null).createVector(this.allocator);
	}

}
