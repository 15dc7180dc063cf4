package dev.vgi.external.test;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * Bodies of requests and responses, for a test that plays the other side: that of a
 * {@code MockRestServiceServer}, for example. All are of the media type
 * {@code application/vnd.apache.arrow.stream}.
 */
public final class ArrowBodies {

	private ArrowBodies() {
	}

	/**
	 * Write vectors as a stream of one batch.
	 * @param root the vectors, without dictionary columns; borrowed
	 * @return the bytes
	 */
	public static byte[] stream(VectorSchemaRoot root) {
		// A second owner of the same memory, which is never closed.
		return stream(AnnotatedBatch.of(root));
	}

	/**
	 * Write a batch as a stream.
	 * @param batch the batch; borrowed
	 * @return the bytes
	 */
	public static byte[] stream(AnnotatedBatch batch) {
		return bytes(IpcStreamWriter.gather(OutputCycle.of(batch)));
	}

	/**
	 * Write a pointer to a batch that another service has stored.
	 * @param storage serves the batch, but does not record it: it is not an upload of the
	 * application
	 * @param batch what the pointer stands for; borrowed
	 * @return the bytes of a stream with the pointer
	 */
	public static byte[] pointer(InMemoryStorage storage, AnnotatedBatch batch) {
		URI url = storage.plant(stream(batch));
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, url.toString());
		try (RootAllocator allocator = new RootAllocator();
				AnnotatedBatch pointer = batch.zeroRows(metadata, allocator)) {
			return stream(pointer);
		}
	}

	/**
	 * Write a pointer to vectors that another service has stored.
	 * @param storage serves the vectors, but does not record them
	 * @param root what the pointer stands for, without dictionary columns; borrowed
	 * @return the bytes of a stream with the pointer
	 */
	public static byte[] pointer(InMemoryStorage storage, VectorSchemaRoot root) {
		return pointer(storage, AnnotatedBatch.of(root));
	}

	/**
	 * Write what a service answers to a call of an RPC method.
	 * @param service the interface
	 * @param method the name of its only Java method of that name
	 * @param result what the method returns; {@code null} also for {@code void}; borrowed
	 * @return the bytes
	 * @throws IllegalArgumentException if there is no such RPC method, or the result does
	 * not fit
	 */
	public static byte[] result(Class<?> service, String method, @Nullable Object result) {
		RpcMethodDescriptor descriptor = descriptor(service, method);
		List<AutoCloseable> borrowed = new ArrayList<>();
		Object[] row = descriptor.isVoid() ? new Object[0] : Collections.singletonList(result).toArray();
		try (RootAllocator allocator = new RootAllocator();
				AnnotatedBatch batch = descriptor.result()
					.write(row, BatchMetadata.empty(), allocator, borrowed::add)) {
			return stream(batch);
		}
	}

	private static RpcMethodDescriptor descriptor(Class<?> service, String name) {
		RpcMethods methods = new RpcMethods();
		List<RpcMethodDescriptor> found = new ArrayList<>();
		for (Method method : service.getMethods()) {
			RpcMethodDescriptor descriptor = method.getName().equals(name) ? methods.find(method) : null;
			if (descriptor != null) {
				found.add(descriptor);
			}
		}
		Assert.isTrue(found.size() == 1, () -> service.getName() + " has " + found.size() + " RPC methods '" + name
				+ "' of " + Arrays.stream(service.getMethods()).map(Method::getName).toList());
		Assert.isTrue(!found.get(0).kind().isStream(), () -> "'" + name + "' is a stream");
		return found.get(0);
	}

	/**
	 * Write what a service answers if an RPC method fails.
	 * @param type the type of the error, such as {@code ValueError}
	 * @param message its message
	 * @return the bytes
	 */
	public static byte[] error(String type, String message) {
		BatchMetadata metadata = new LogMessage(LogMessage.EXCEPTION, type + ": " + message,
				Map.of("exception_type", type, "exception_message", message))
			.toMetadata();
		try (RootAllocator allocator = new RootAllocator();
				AnnotatedBatch batch = AnnotatedBatch.empty(new Schema(List.of()), metadata, allocator)) {
			return stream(batch);
		}
	}

	private static byte[] bytes(GatheredStream stream) {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (stream) {
			stream.writeTo(bytes);
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

}
