package dev.vgi.external.rpc.server;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchKind;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.batch.UnsupportedStreamException;
import dev.vgi.external.location.SchemaMismatchException;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.StreamShape;
import dev.vgi.external.rpc.server.StreamCalls.TurnRequest;
import dev.vgi.external.web.server.RequestTooLargeException;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Reads a request and refuses what its method cannot accept before the method is called.
 * Any failure after that is the method's own.
 */
final class RpcRequestReader {

	private static final Log logger = LogFactory.getLog(RpcRequestReader.class);

	private static final String REQUEST_VERSION = "1";

	private final PointerResolver resolver;

	private final long maxBytes;

	private final ReadOptions options;

	RpcRequestReader(PointerResolver resolver, RpcSettings settings) {
		this.resolver = resolver;
		this.maxBytes = (settings.maxRequestBytes() != null) ? settings.maxRequestBytes() : Long.MAX_VALUE;
		this.options = ReadOptions.of(settings.readLimits());
	}

	/**
	 * Read the request of a call.
	 * @param request the HTTP request; only the first batch of its body is used
	 * @param call receives metadata, arguments and embedded batches
	 * @throws RpcBadRequestException if the request does not fit the method
	 * @throws IOException if reading the body fails
	 */
	void read(HttpServletRequest request, RpcCall call) throws IOException {
		AnnotatedBatch sent = readBatch(request, call);
		BatchMetadata metadata = sent.metadata();
		if (BatchKind.of(sent.rowCount(), metadata) == BatchKind.POINTER) {
			AnnotatedBatch pointer = sent;
			refuseUnlessClosed(sent, () -> checkPointer(call.descriptor(), pointer));
			sent = this.resolver.resolve(sent, call.inbound(), LogSink.discarding());
		}
		try (AnnotatedBatch batch = sent) {
			BatchMetadata merged = batch.metadata()
				.with(metadata.without(MetadataKeys.LOCATION, MetadataKeys.LOCATION_SHA256));
			checkMetadata(call.descriptor(), merged);
			RowMapping parameters = call.descriptor().parameters();
			parameters.check(batch);
			call.received(merged, parameters.read(batch, call.inbound(), call::own));
		}
		catch (SchemaMismatchException ex) {
			throw mismatch(call.descriptor(), ex);
		}
		catch (CorruptStreamException ex) {
			throw corrupt(ex);
		}
		catch (RuntimeException ex) {
			throw refusal(ex);
		}
	}

	/**
	 * Read the request of a stream's turn.
	 * @param request the HTTP request; only the first batch of its body is used
	 * @param call receives metadata, stream, state and input
	 * @param calls opens the tokens
	 * @param turns the methods that run the turns
	 * @throws RpcBadRequestException if it is not a request of an open stream
	 * @throws IOException if reading the body fails
	 */
	void readTurn(HttpServletRequest request, RpcCall call, StreamCalls calls, StreamTurns turns) throws IOException {
		AnnotatedBatch sent = readBatch(request, call);
		BatchMetadata metadata = sent.metadata();
		if (BatchKind.of(sent.rowCount(), metadata) == BatchKind.POINTER && !metadata.contains(MetadataKeys.CANCEL)) {
			// Checked before the fetch: the caller must hold a stream, and the columns
			// must fit.
			AnnotatedBatch pointer = sent;
			refuseUnlessClosed(sent, () -> checkPointer(calls.open(call, turns, metadata), pointer, call));
			sent = this.resolver.resolve(sent, call.inbound(), LogSink.discarding());
		}
		AnnotatedBatch batch = sent;
		call.own(batch);
		// The cursor inside the stored batch takes precedence over that of the pointer.
		BatchMetadata merged = metadata.with(batch.metadata());
		checkProtocol(call.descriptor(), merged);
		TurnRequest turn = calls.open(call, turns, merged);
		call.received(
				merged.without(MetadataKeys.STREAM_STATE, MetadataKeys.CALL_STATE, MetadataKeys.LOCATION,
						MetadataKeys.LOCATION_SHA256),
				turn.withInput(turn.cancelled() ? null : input(turn.stream(), batch, call)));
		call.acceptResponseBytes(turn.stream().maxResponseBytes());
	}

	private static @Nullable AnnotatedBatch input(OpenStream stream, AnnotatedBatch batch, RpcCall call) {
		if (stream.input() == null) {
			return null;
		}
		try (AnnotatedBatch shape = StreamShape.empty(stream.input(), call.allocator())) {
			AnnotatedBatch input = new ExchangeInput(shape, call.inbound()).convert(batch);
			call.own(input);
			return input;
		}
		catch (RuntimeException ex) {
			throw refusal(ex);
		}
	}

	private AnnotatedBatch readBatch(HttpServletRequest request, RpcCall call) throws IOException {
		try (IpcStreamReader reader = IpcStreamReader.of(request.getInputStream(), this.maxBytes, call.inbound(),
				this.options)) {
			AnnotatedBatch batch = reader.nextStream() ? reader.next() : null;
			if (batch == null) {
				throw new RpcBadRequestException("ValueError", null, "The request holds no batch");
			}
			refuseUnlessClosed(batch, reader::readToEnd);
			call.arrived(batch.metadata());
			return batch;
		}
		catch (StreamTooLongException ex) {
			throw new RequestTooLargeException(ex.limit());
		}
		catch (CorruptStreamException ex) {
			throw corrupt(ex);
		}
	}

	// A pointer has the columns of its target, so they are checked before the fetch.
	private static void checkPointer(RpcMethodDescriptor descriptor, AnnotatedBatch pointer) {
		if (pointer.metadata().contains(MetadataKeys.METHOD)) {
			checkMetadata(descriptor, pointer.metadata());
		}
		try {
			descriptor.parameters().checkColumns(pointer);
		}
		catch (SchemaMismatchException ex) {
			throw mismatch(descriptor, ex);
		}
	}

	private static void checkPointer(TurnRequest turn, AnnotatedBatch pointer, RpcCall call) {
		Schema input = turn.stream().input();
		if (input != null) {
			try (AnnotatedBatch shape = StreamShape.empty(input, call.allocator())) {
				new ExchangeInput(shape, call.inbound()).checkColumns(pointer);
			}
		}
	}

	private static RpcBadRequestException mismatch(RpcMethodDescriptor descriptor, SchemaMismatchException ex) {
		return new RpcBadRequestException("TypeError", null, descriptor.name() + "() parameters: " + ex.getMessage());
	}

	private static RpcBadRequestException corrupt(CorruptStreamException ex) {
		String problem = (ex instanceof UnsupportedStreamException) ? "" : "The request is no Arrow stream: ";
		return new RpcBadRequestException("ValueError", null, problem + ex.getMessage());
	}

	// Malformed input may cause unexpected exceptions in this library or in Arrow, whose
	// messages would not help the caller.
	private static RuntimeException refusal(RuntimeException ex) {
		if (ex instanceof VgiExternalException || ex instanceof OutOfMemoryException) {
			return ex;
		}
		logger.debug("A request cannot be read", ex);
		return new RpcBadRequestException("ValueError", null, "The request cannot be read");
	}

	private static void refuseUnlessClosed(AnnotatedBatch batch, Runnable check) {
		try {
			check.run();
		}
		catch (RuntimeException ex) {
			batch.close();
			throw ex;
		}
	}

	private static void checkMetadata(RpcMethodDescriptor descriptor, BatchMetadata metadata) {
		String method = metadata.get(MetadataKeys.METHOD);
		if (method == null) {
			throw new RpcBadRequestException("TypeError", null,
					"The request lacks the metadata " + MetadataKeys.METHOD);
		}
		if (!method.equals(descriptor.name())) {
			throw new RpcBadRequestException("TypeError", null, "The URL names the method '" + descriptor.name()
					+ "' but the metadata " + MetadataKeys.METHOD + " names '" + method + "'");
		}
		String version = metadata.get(MetadataKeys.REQUEST_VERSION);
		if (!REQUEST_VERSION.equals(version)) {
			throw new RpcBadRequestException("VersionError", null,
					"The metadata " + MetadataKeys.REQUEST_VERSION + " must be '" + REQUEST_VERSION + "' but is "
							+ ((version != null) ? "'" + version + "'" : "missing"));
		}
		checkProtocol(descriptor, metadata);
		checkProtocolVersion(descriptor, metadata.get(MetadataKeys.PROTOCOL_VERSION));
	}

	private static void checkProtocol(RpcMethodDescriptor descriptor, BatchMetadata metadata) {
		String protocol = metadata.get(MetadataKeys.PROTOCOL);
		if (protocol != null && !protocol.equals(descriptor.protocol())) {
			throw new RpcBadRequestException("TypeError", null,
					"The method belongs to the protocol '" + descriptor.protocol() + "' but the metadata "
							+ MetadataKeys.PROTOCOL + " names '" + protocol + "'");
		}
	}

	private static void checkProtocolVersion(RpcMethodDescriptor descriptor, @Nullable String sent) {
		String declared = descriptor.protocolVersion();
		if (declared == null) {
			return;
		}
		String[] ours = declared.split("\\.");
		String[] theirs = (sent != null) ? sent.split("\\.") : new String[0];
		if (theirs.length < 2 || !isNumber(theirs[0]) || !isNumber(theirs[1])) {
			throw versionMismatch(descriptor.protocol(), declared, sent, "the client declares no version");
		}
		int difference = Integer.compare(number(theirs[0]), number(ours[0]));
		if (difference == 0) {
			difference = Integer.compare(number(theirs[1]), (ours.length > 1) ? number(ours[1]) : 0);
		}
		if (difference != 0) {
			throw versionMismatch(descriptor.protocol(), declared, sent,
					(difference > 0) ? "the client is newer" : "the server is newer");
		}
	}

	private static boolean isNumber(String part) {
		return part.length() < 10 && part.matches("[0-9]+");
	}

	private static int number(String part) {
		return isNumber(part) ? Integer.parseInt(part) : 0;
	}

	private static RpcBadRequestException versionMismatch(String protocol, String declared, @Nullable String sent,
			String reason) {
		Map<String, Object> violation = Map.of("type", "protocol_version", "subject", protocol, "description", reason);
		return new RpcBadRequestException("ProtocolVersionError", "protocol_version_mismatch",
				"protocol_version mismatch: the client has " + ((sent != null) ? "'" + sent + "'" : "none")
						+ ", the server has '" + declared + "'; " + reason,
				List.of(Map.of("@type", "vgi_rpc.PreconditionFailure", "violations", List.of(violation))));
	}

}
