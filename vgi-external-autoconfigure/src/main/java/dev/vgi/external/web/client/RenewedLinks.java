package dev.vgi.external.web.client;

import java.net.URI;
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
import dev.vgi.external.location.LinkRenewal;
import dev.vgi.external.location.RenewalPath;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.util.Text;

/**
 * Requests fresh links from the service that was called, as its calls are made.
 *
 * @param service sends the request
 * @param called a URL of the service, where the pointer came from
 * @param allocator the owner of the memory of requests and answers
 */
record RenewedLinks(ServiceConnection service, URI called, BufferAllocator allocator) implements LinkRenewal {

	@Override
	public URI renew(String token, String path) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, RenewalPath.METHOD)
			.with(MetadataKeys.REQUEST_VERSION, "1");
		// A vector that gets no memory for its value keeps what it has.
		try (VarCharVector vector = new VarCharVector(
				new Field("token", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null), this.allocator)) {
			vector.setSafe(0, new Text(token));
			vector.setValueCount(1);
			try (AnnotatedBatch request = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)))
				.withMetadata(metadata); AnnotatedBatch answer = send(this.called.resolve(path), request)) {
				return link(answer.root());
			}
		}
	}

	private static URI link(VectorSchemaRoot root) {
		FieldVector links = UploadUrls.column(root, "download_url", 0);
		if (root.getRowCount() != 1 || links.isNull(0)) {
			throw new CorruptStreamException("The service answered a renewal without exactly one link");
		}
		return UploadUrls.uri(links, 0);
	}

	// May be sent twice, since a link that nobody uses does no harm.
	private AnnotatedBatch send(URI url, AnnotatedBatch request) {
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(request))) {
			return this.service.send(ServiceRequest.repeatable(url).with(body),
					(response) -> response.read(CallContext.of(LogSink.discarding()), Answer::one));
		}
	}

}
