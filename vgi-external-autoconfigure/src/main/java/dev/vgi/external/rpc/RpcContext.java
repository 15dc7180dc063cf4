package dev.vgi.external.rpc;

import java.util.Map;

import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Publications;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;

/**
 * The call that a method serves. A handler declares it as a parameter, which is not sent,
 * or calls {@link #current()}. In an interface that clients share, the parameter has no
 * meaning for the client, which passes {@code null}. Used by one thread at a time.
 */
public interface RpcContext {

	/**
	 * Return the name of the called method.
	 * @return its name on the wire
	 */
	String method();

	/**
	 * Return the caller's identifier of this request.
	 * @return the request id, empty if there is none
	 */
	String requestId();

	/**
	 * Return the metadata of the request, including that of a pointer.
	 * @return the metadata; may hold signed URLs
	 */
	BatchMetadata metadata();

	/**
	 * Return the owner of the memory of this call's batches.
	 * @return the allocator; never closed by a handler
	 */
	BufferAllocator allocator();

	/**
	 * Store a result of the called method for use in any number of responses, this one
	 * and later ones. Keep the reference, preferably in {@link Publications}, and return
	 * it with {@link RpcResult#published}. For batches of a stream there is
	 * {@link dev.vgi.external.location.Externalizer#publish}.
	 * @param value the result as the method would return it; batches in it are taken over
	 * @return the reference, valid until its URL expires
	 * @throws IllegalStateException if there is no storage, or the method is a stream,
	 * has no result or keeps it inline
	 * @throws dev.vgi.external.VgiExternalException if it cannot be stored
	 */
	ExternalRef publish(@Nullable Object value);

	/**
	 * Send a message to the caller, ahead of the result or the error.
	 * @param level how important it is
	 * @param message the text
	 * @param extra further fields, sent as a flat JSON object
	 */
	void log(Level level, String message, Map<String, Object> extra);

	/**
	 * Send a message to the caller, ahead of the result or the error.
	 * @param level how important it is
	 * @param message the text
	 */
	default void log(Level level, String message) {
		log(level, message, Map.of());
	}

	/**
	 * Return the call that the current thread serves. There is none yet while its request
	 * is still read, for example in a URL policy or a listener.
	 * @return the call
	 * @throws IllegalStateException if there is none, for example in a thread that the
	 * handler started
	 */
	static RpcContext current() {
		RequestAttributes attributes = RequestContextHolder.getRequestAttributes();
		RpcContext call = (attributes != null)
				? (RpcContext) attributes.getAttribute(RpcContext.class.getName(), RequestAttributes.SCOPE_REQUEST)
				: null;
		Assert.state(call != null, "No RPC call is being served by this thread");
		return call;
	}

	/**
	 * The severity of a message.
	 */
	enum Level {

		/** Something failed. */
		ERROR,

		/** Something may be wrong. */
		WARN,

		/** Worth knowing. */
		INFO,

		/** Helps to find an error. */
		DEBUG,

		/** Every detail. */
		TRACE

	}

}
