package dev.vgi.external.rpc;

import dev.vgi.external.location.ExternalRef;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * The result of a unary method that may return a reference to a published value instead
 * of the value. The same declaration serves both sides. On the wire the method's result
 * is {@code T}: callers resolve the reference like any other pointer, and a client gets
 * the value.
 * <p>
 * Not for methods that keep their results inline ({@link RpcMethod#externalize()}).
 *
 * @param <T> the result type without this wrapper
 */
public final class RpcResult<T extends @Nullable Object> {

	private final T value;

	private final @Nullable ExternalRef ref;

	private RpcResult(T value, @Nullable ExternalRef ref) {
		this.value = value;
		this.ref = ref;
	}

	/**
	 * Return a value, which travels inline or through storage, depending on its size.
	 * @param <T> the type of the result
	 * @param value the value
	 * @return the result
	 */
	public static <T extends @Nullable Object> RpcResult<T> of(T value) {
		return new RpcResult<>(value, null);
	}

	/**
	 * Return a reference, which is never inlined. Neither the threshold nor the limit on
	 * what a response may store applies.
	 * @param <T> the type of the result
	 * @param ref the reference that {@link RpcContext#publish} returned for this method,
	 * or one to an object with one row of its result
	 * @return the result
	 */
	@SuppressWarnings("NullAway") // value() does not give the null away
	public static <T extends @Nullable Object> RpcResult<T> published(ExternalRef ref) {
		Assert.notNull(ref, "'ref' must not be null");
		return new RpcResult<>((T) null, ref);
	}

	/**
	 * Return the value.
	 * @return the value; the caller owns the batches in it
	 * @throws IllegalStateException if a service created this from a reference
	 */
	public T value() {
		Assert.state(this.ref == null, "The value was published and is not here");
		return this.value;
	}

	/**
	 * Return the reference.
	 * @return the reference, or {@code null} if there is a value
	 */
	public @Nullable ExternalRef ref() {
		return this.ref;
	}

	@Override
	public String toString() {
		return "RpcResult[" + ((this.ref != null) ? this.ref : this.value) + "]";
	}

}
