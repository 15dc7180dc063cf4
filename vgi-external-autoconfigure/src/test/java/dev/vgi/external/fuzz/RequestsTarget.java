package dev.vgi.external.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.batch.SampleBatches;
import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.conformance.ConformanceStreams;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.RenewalPath;
import dev.vgi.external.location.ResponseBudget;
import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.method.Endpoint;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.server.RequestReader;
import dev.vgi.external.rpc.server.RpcCall;
import dev.vgi.external.rpc.server.RpcRequest;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.web.server.FuzzedWeb;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.util.AutoCloseables;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Requests for the methods of the conformance service, whose parameters have every type:
 * each is refused in words, or its arguments are values of their types that can be sent
 * on.
 */
public final class RequestsTarget {

	private static final long MOST_BYTES = 1 << 20;

	private static final List<RpcMethodDescriptor> METHODS;

	/** A request for each of them. */
	private static final List<List<byte[]>> SOUND;

	static {
		Map<RpcMethodDescriptor, Method> methods = methods();
		METHODS = List.copyOf(methods.keySet());
		try (BufferAllocator allocator = new RootAllocator()) {
			SOUND = methods.entrySet()
				.stream()
				.map((method) -> Streams.messages(sound(method.getKey(), method.getValue(), allocator)))
				.toList();
		}
	}

	/** Inputs of streams, in message format. */
	private static final List<Schema> INPUTS = List.of(
			new Schema(List.of(Field.nullable("value", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)))),
			new Schema(List.of(Field.nullable("i", new ArrowType.Int(64, true)),
					Field.nullable("f", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE)),
					new Field("s", FieldType.notNullable(ArrowType.LargeUtf8.INSTANCE), null))),
			new Schema(List.of()), new Schema(List.of(Field.nullable("numbers", new ArrowType.Int(64, true)))));

	private static final List<List<byte[]>> SAMPLES = Streams.samples().stream().map(Streams::messages).toList();

	private static final TransferResources RESOURCES = TransferResources.create();

	private static final RequestReader READER = new RequestReader(
			new LocationResolver(ExternalLocationConfig.defaults().withMaxRetries(0).withUrlValidator((url) -> {
				throw new UrlRejectedException(url, "nothing is fetched here");
			}), RESOURCES), ReadLimits.defaults());

	private static final Guard GUARD = new Guard(RequestsTarget::run, Kind.BAD_REQUEST, Kind.CORRUPT_STREAM,
			Kind.LIMIT_EXCEEDED, Kind.TOO_LARGE, Kind.UNSUPPORTED, Kind.URL_REJECTED, Kind.SCHEMA_MISMATCH);

	private RequestsTarget() {
	}

	public static void fuzzerTestOneInput(byte[] input) {
		GUARD.run(input);
	}

	private static Map<RpcMethodDescriptor, Method> methods() {
		RpcMethods methods = new RpcMethods();
		Map<RpcMethodDescriptor, Method> found = new LinkedHashMap<>();
		Stream.of(ConformanceService.class, ConformanceStreams.class)
			.flatMap((type) -> Arrays.stream(type.getDeclaredMethods()))
			.filter((method) -> methods.find(method) != null)
			.sorted(Comparator.comparing(Method::getName))
			.forEach((method) -> found.put(Objects.requireNonNull(methods.find(method)), method));
		return found;
	}

	private static byte[] sound(RpcMethodDescriptor method, Method declaration, BufferAllocator allocator) {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method.name())
			.with(MetadataKeys.REQUEST_VERSION, "1")
			.with(MetadataKeys.PROTOCOL_VERSION, String.valueOf(method.protocolVersion()))
			.with(MetadataKeys.PROTOCOL, method.protocol());
		List<AutoCloseable> owned = new ArrayList<>();
		Object[] values = new Object[method.parameters().schema().getFields().size()];
		for (int i = 0; i < declaration.getParameterCount(); i++) {
			if (method.column(i) >= 0) {
				values[method.column(i)] = Values.of(declaration.getGenericParameterTypes()[i], allocator, owned);
			}
		}
		try (AnnotatedBatch batch = method.parameters().write(values, metadata, allocator, (each) -> {
		})) {
			return SampleBatches.stream(batch);
		}
		finally {
			AutoCloseables.closeNoChecked(() -> AutoCloseables.close(owned));
		}
	}

	private static void run(Script script, BufferAllocator allocator) {
		switch (script.below(4)) {
			case 0, 1 -> arguments(script, allocator);
			case 2 -> input(script, allocator);
			default -> init(script, allocator);
		}
	}

	private static RpcCall call(RpcMethodDescriptor method, BufferAllocator allocator) {
		return new RpcCall("http", method, Endpoint.CALL, "id", BatchMetadata.empty(), allocator,
				ResponseBudget.unlimited(), RpcCallListener.none());
	}

	private static AnnotatedBatch read(byte[] body, BufferAllocator allocator) {
		try {
			return READER.read(Streams.inPieces(body, 1 << 12), MOST_BYTES, allocator);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	private static void arguments(Script script, BufferAllocator allocator) {
		int which = script.below(METHODS.size());
		RpcMethodDescriptor method = METHODS.get(which);
		// Mostly requests for this method, and its schema with any batch.
		List<List<byte[]>> sound = script.flag() ? SOUND : List.of(SOUND.get(which));
		byte[] body = Streams.of(script, sound);
		try (RpcCall call = call(method, allocator)) {
			RpcRequest request = READER.arguments(call, read(body, call.inbound()));
			Guard.require(request.arguments().length == method.parameters().schema().getFields().size(), "arguments");
			try (AnnotatedBatch again = method.parameters()
				.write(request.arguments(), request.metadata(), allocator, call::own)) {
				@Nullable Object[] copy = method.parameters().read(again, allocator, call::own);
				String expected = Values.text(request.arguments());
				String actual = Values.text(copy);
				Guard.require(actual.equals(expected),
						"written and read, the arguments are " + actual + " instead of " + expected);
			}
		}
		catch (RpcBadRequestException ex) {
			explained(ex);
		}
	}

	private static void input(Script script, BufferAllocator allocator) {
		Schema declared = script.of(INPUTS);
		byte[] body = Streams.of(script, SAMPLES);
		try (RpcCall call = call(METHODS.get(0), allocator)) {
			AnnotatedBatch sent = read(body, call.inbound());
			if (sent.rowCount() == 0) {
				try {
					READER.checkInput(call, declared, sent);
				}
				catch (RuntimeException ex) {
					sent.close();
					throw ex;
				}
			}
			AnnotatedBatch input = READER.input(call, declared, sent);
			for (FieldVector vector : input.root().getFieldVectors()) {
				for (int i = 0; i < Math.min(vector.getValueCount(), 100); i++) {
					IpcTarget.text(vector.getObject(i));
				}
			}
		}
		catch (RpcBadRequestException ex) {
			explained(ex);
		}
	}

	private static void explained(RpcBadRequestException ex) {
		Guard.require(!"The request cannot be read".equals(ex.getMessage()), "refused without a reason");
		throw ex;
	}

	private static void init(Script script, BufferAllocator allocator) {
		String method = script.flag() ? RenewalPath.METHOD : METHODS.get(0).name();
		byte[] body = Streams.of(script, script.flag() ? SAMPLES : SOUND);
		FuzzedWeb.init(body, method, allocator,
				(root) -> root.getFieldVectors().stream().map(FieldVector::getName).toList());
	}

}
