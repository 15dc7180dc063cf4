package dev.vgi.external.rpc;

import dev.vgi.external.location.ExternalRef;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * What a unary method returns that may answer with a reference to a published value
 * instead of the value. The same declaration serves both sides, and on the wire the
 * method's result is {@code T}: callers resolve the reference like any other pointer, and
 * a client is given the value.
 * <p>
 * Not for methods that keep their results inline ({@link RpcMethod#externalize()}).
 *
 * @param <T> the result as if the method declared it itself
 */
public final class RpcResult<T extends @Nullable Object> {

	private final T value;

	private final @Nullable ExternalRef ref;

	private RpcResult(T value, @Nullable ExternalRef ref) {
		this.value = value;
		this.ref = ref;
	}

	/**
	 * Answer with a value, which travels inline or through storage as its size asks for.
	 * @param <T> the type of the result
	 * @param value the value
	 * @return the result
	 */
	public static <T extends @Nullable Object> RpcResult<T> of(T value) {
		return new RpcResult<>(value, null);
	}

	/**
	 * Answer with a reference, which is never inlined. Neither the threshold nor the
	 * limit of what a response may store applies.
	 * @param <T> the type of the result
	 * @param ref what {@link RpcContext#publish} returned for this method, or an object
	 * with one row of its result
	 * @return the result
	 */
	@SuppressWarnings("NullAway") // value() does not give the null away
	public static <T extends @Nullable Object> RpcResult<T> published(ExternalRef ref) {
		Assert.notNull(ref, "'ref' must not be null");
		return new RpcResult<>((T) null, ref);
	}

	/**
	 * Return the value.
	 * @return the value; batches in it belong to the caller
	 * @throws IllegalStateException if a service made this of a reference
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
