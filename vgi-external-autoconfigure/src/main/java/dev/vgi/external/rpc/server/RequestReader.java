package dev.vgi.external.rpc.server;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.batch.StreamTooLongException;
import dev.vgi.external.batch.UnsupportedStreamException;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.SchemaMismatchException;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.StreamShape;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * Reads the request of a call and refuses what its method cannot accept before the method
 * is called. Any failure after that is the method's own. Thread-safe.
 */
public final class RequestReader {

	private static final Log logger = LogFactory.getLog(RequestReader.class);

	/** Version of the request format. */
	public static final String REQUEST_VERSION = "1";

	private final LocationResolver resolver;

	private final ReadOptions options;

	/**
	 * Create a reader.
	 * @param resolver resolves requests that are pointers
	 * @param limits limits on the heap objects created from a request
	 */
	public RequestReader(LocationResolver resolver, ReadLimits limits) {
		this.resolver = resolver;
		this.options = ReadOptions.of(limits);
	}

	/**
	 * Read a body to its end.
	 * @param body the body; only its first batch is used
	 * @param maxBytes most bytes of the body
	 * @param allocator the owner of the batch's memory
	 * @return the first batch; the caller closes it
	 * @throws RpcBadRequestException if there is none
	 * @throws StreamTooLongException if the body is too long
	 * @throws IOException if reading fails
	 */
	public AnnotatedBatch read(InputStream body, long maxBytes, BufferAllocator allocator) throws IOException {
		try (IpcStreamReader reader = IpcStreamReader.of(body, maxBytes, allocator, this.options)) {
			AnnotatedBatch batch = reader.nextStream() ? reader.next() : null;
			if (batch == null) {
				throw new RpcBadRequestException("ValueError", null, "The request holds no batch");
			}
			refuseUnlessClosed(batch, reader::readToEnd);
			return batch;
		}
		catch (StreamTooLongException ex) {
			throw ex;
		}
		catch (CorruptStreamException ex) {
			throw corrupt(ex);
		}
	}

	/**
	 * Read the arguments of a method.
	 * @param call the call; owns the embedded batches
	 * @param sent the batch of its request; taken over
	 * @return the arguments
	 * @throws RpcBadRequestException if the request does not fit the method
	 */
	public RpcRequest arguments(RpcCall call, AnnotatedBatch sent) {
		RpcMethodDescriptor descriptor = call.descriptor();
		BatchMetadata metadata = sent.metadata();
		AnnotatedBatch received = sent.isPointer() ? resolve(call, sent, () -> checkPointer(descriptor, sent)) : sent;
		try (AnnotatedBatch batch = received) {
			BatchMetadata merged = batch.metadata().with(metadata.withoutPointerKeys());
			checkMetadata(descriptor, merged);
			RowMapping parameters = descriptor.parameters();
			parameters.check(batch);
			return new RpcRequest(merged, parameters.read(batch, call.inbound(), call::own));
		}
		catch (SchemaMismatchException ex) {
			throw mismatch(descriptor, ex);
		}
		catch (CorruptStreamException ex) {
			throw corrupt(ex);
		}
		catch (RuntimeException ex) {
			throw refusal(ex);
		}
	}

	/**
	 * Fetch the batch that a pointer stands for. What can be checked before is checked
	 * before: nothing is fetched for a request that is refused anyway.
	 * @param call the call, which is charged for it
	 * @param pointer the pointer; taken over
	 * @param check throws an exception to refuse the pointer
	 * @return the stored batch; the caller closes it
	 */
	public AnnotatedBatch resolve(RpcCall call, AnnotatedBatch pointer, Runnable check) {
		refuseUnlessClosed(pointer, check);
		return call.pointers().inbound(this.resolver).resolve(pointer, call.inbound(), LogSink.discarding());
	}

	/**
	 * Require that a pointer has the columns that a stream's input can be converted from.
	 * @param call the call
	 * @param declared schema of the input, in message format
	 * @param pointer the pointer; borrowed
	 */
	public void checkInput(RpcCall call, Schema declared, AnnotatedBatch pointer) {
		try (AnnotatedBatch shape = StreamShape.empty(declared, call.allocator())) {
			new ExchangeInput(shape, call.inbound()).checkColumns(pointer);
		}
	}

	/**
	 * Convert the input of a stream's turn to the declared columns.
	 * @param call the call; owns the converted batch
	 * @param declared schema of the input, in message format
	 * @param batch the batch; taken over
	 * @return the input
	 */
	public AnnotatedBatch input(RpcCall call, Schema declared, AnnotatedBatch batch) {
		try (AnnotatedBatch shape = StreamShape.empty(declared, call.allocator())) {
			AnnotatedBatch input = new ExchangeInput(shape, call.inbound()).convert(batch);
			call.own(input);
			return input;
		}
		catch (RuntimeException ex) {
			throw refusal(ex);
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

	private static RpcBadRequestException mismatch(RpcMethodDescriptor descriptor, SchemaMismatchException ex) {
		return new RpcBadRequestException("TypeError", null, descriptor.name() + "() parameters: " + ex.getMessage());
	}

	/**
	 * Describe why a request is no Arrow stream.
	 * @param ex what its reader found
	 * @return the refusal
	 */
	public static RpcBadRequestException corrupt(CorruptStreamException ex) {
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
			throw methodMissing();
		}
		if (!method.equals(descriptor.name())) {
			throw new RpcBadRequestException("TypeError", null, "The call is for the method '" + descriptor.name()
					+ "' but the metadata " + MetadataKeys.METHOD + " names '" + method + "'");
		}
		checkVersion(metadata);
		checkProtocol(descriptor, metadata);
		checkProtocolVersion(descriptor, metadata.get(MetadataKeys.PROTOCOL_VERSION));
	}

	/**
	 * Create the error of a request that names no method.
	 * @return the exception
	 */
	public static RpcBadRequestException methodMissing() {
		return new RpcBadRequestException("TypeError", null, "The request lacks the metadata " + MetadataKeys.METHOD);
	}

	/**
	 * Require that a request has the format that is read here.
	 * @param metadata the metadata of the request
	 * @throws RpcBadRequestException if it has another one
	 */
	public static void checkVersion(BatchMetadata metadata) {
		String version = metadata.get(MetadataKeys.REQUEST_VERSION);
		if (!REQUEST_VERSION.equals(version)) {
			throw new RpcBadRequestException("VersionError", null,
					"The metadata " + MetadataKeys.REQUEST_VERSION + " must be '" + REQUEST_VERSION + "' but is "
							+ ((version != null) ? "'" + version + "'" : "missing"));
		}
	}

	/**
	 * Require that a request is for the protocol of the called method, if it names one.
	 * @param descriptor the called method
	 * @param metadata the metadata of the request
	 * @throws RpcBadRequestException if it names another one
	 */
	public static void checkProtocol(RpcMethodDescriptor descriptor, BatchMetadata metadata) {
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
