package dev.vgi.external.web.client;

import java.net.URI;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.storage.UploadUrl;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.TimeStampMicroTZVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

import org.springframework.http.HttpMethod;

/**
 * Requests upload URLs for large inputs from a service.
 */
final class UploadUrls {

	private static final String METHOD = "__upload_url__";

	private static final String PATH = "/" + METHOD + "/init";

	private final ServiceConnection service;

	private final BufferAllocator allocator;

	UploadUrls(ServiceConnection service, BufferAllocator allocator) {
		this.service = service;
		this.allocator = allocator;
	}

	/**
	 * Request upload URLs.
	 * @param count how many
	 * @return that many pairs, or as many as the service returns, at least one
	 */
	List<UploadUrl> request(int count) {
		BigIntVector vector = new BigIntVector(
				new Field("count", FieldType.nullable(new ArrowType.Int(64, true)), null), this.allocator);
		vector.setSafe(0, count);
		vector.setValueCount(1);
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, METHOD).with(MetadataKeys.REQUEST_VERSION, "1");
		try (AnnotatedBatch request = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))).withMetadata(metadata);
				AnnotatedBatch answer = send(request)) {
			List<UploadUrl> urls = read(answer.root());
			if (urls.isEmpty()) {
				throw new CorruptStreamException("The service vended no upload URL");
			}
			return urls;
		}
	}

	// may be sent twice, since URLs that nobody uses do no harm
	private AnnotatedBatch send(AnnotatedBatch request) {
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(request))) {
			return this.service.send(ServiceRequest.repeatable(HttpMethod.POST, PATH).with(body),
					(response) -> response.read(CallContext.of(LogSink.discarding()), Answer::one));
		}
	}

	private static List<UploadUrl> read(VectorSchemaRoot root) {
		// By name if the columns are named, otherwise by position: peers differ in how
		// strict they are.
		FieldVector upload = column(root, "upload_url", 0);
		FieldVector download = column(root, "download_url", 1);
		FieldVector expiry = column(root, "expires_at", 2);
		List<UploadUrl> urls = new ArrayList<>();
		for (int row = 0; row < root.getRowCount(); row++) {
			if (upload.isNull(row) || download.isNull(row) || !(expiry instanceof TimeStampMicroTZVector times)
					|| expiry.isNull(row)) {
				throw new CorruptStreamException("The upload URLs of the service are incomplete");
			}
			urls.add(new UploadUrl(uri(upload, row), uri(download, row),
					Instant.EPOCH.plus(times.get(row), ChronoUnit.MICROS)));
		}
		return urls;
	}

	/**
	 * Read a vended URL.
	 * @param texts the column
	 * @param row the row, which is not null
	 * @return the URL
	 */
	static URI uri(FieldVector texts, int row) {
		if (!(texts instanceof VarCharVector || texts instanceof LargeVarCharVector
				|| texts instanceof ViewVarCharVector)) {
			throw new CorruptStreamException("A URL that the service vended is no text");
		}
		try {
			return URI.create(String.valueOf(texts.getObject(row)));
		}
		catch (IllegalArgumentException ex) {
			// The message quotes the URL, so it is not passed on as the cause.
			throw new CorruptStreamException("A URL that the service vended is no URL");
		}
	}

	/**
	 * Find a column by its name, or else by its position.
	 * @param root the answer
	 * @param name the name
	 * @param position the position
	 * @return the column
	 */
	static FieldVector column(VectorSchemaRoot root, String name, int position) {
		FieldVector vector = root.getVector(name);
		if (vector == null && position < root.getFieldVectors().size()) {
			vector = root.getVector(position);
		}
		if (vector == null) {
			throw new CorruptStreamException("The URLs that the service vended have no column '" + name + "'");
		}
		return vector;
	}

}
