package dev.vgi.external.rpc.server.http;

import dev.vgi.external.batch.ReadLimits;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * How RPC methods are served.
 *
 * @param prefix the path in front of a method's name, such as {@code /vgi}; may be empty
 * @param serverId identifier of this process, 12 hexadecimal digits
 * @param includeStackTrace whether errors carry stack traces
 * @param maxRequestBytes most bytes of a request, decoded, or {@code null} for no limit
 * @param maxResponseBytes most bytes of a response before any content coding, or
 * {@code null} for no limit
 * @param maxExternalizedResponseBytes most bytes that one response may put into storage,
 * or {@code null} for no limit
 * @param readLimits limits on the heap objects created from a request
 */
public record RpcSettings(String prefix, String serverId, boolean includeStackTrace, @Nullable Long maxRequestBytes,
		@Nullable Long maxResponseBytes, @Nullable Long maxExternalizedResponseBytes, ReadLimits readLimits) {

	public RpcSettings {
		Assert.isTrue(maxRequestBytes == null || maxRequestBytes > 0, "'maxRequestBytes' must be positive");
		Assert.isTrue(maxResponseBytes == null || maxResponseBytes > 0, "'maxResponseBytes' must be positive");
		Assert.isTrue(maxExternalizedResponseBytes == null || maxExternalizedResponseBytes > 0,
				"'maxExternalizedResponseBytes' must be positive");
		Assert.notNull(readLimits, "'readLimits' must not be null");
		String trimmed = StringUtils.trimTrailingCharacter(prefix, '/');
		prefix = (trimmed.isEmpty() || trimmed.startsWith("/")) ? trimmed : "/" + trimmed;
	}

	/**
	 * Create settings without limits on responses.
	 * @param prefix the path in front of a method's name; may be empty
	 * @param serverId identifier of this process, 12 hexadecimal digits
	 */
	public RpcSettings(String prefix, String serverId) {
		this(prefix, serverId, false, null, null, null, ReadLimits.defaults());
	}

	/**
	 * Return a copy with another {@code includeStackTrace}.
	 * @param includeStackTrace whether errors carry stack traces
	 * @return the copy
	 */
	public RpcSettings withIncludeStackTrace(boolean includeStackTrace) {
		return new RpcSettings(this.prefix, this.serverId, includeStackTrace, this.maxRequestBytes,
				this.maxResponseBytes, this.maxExternalizedResponseBytes, this.readLimits);
	}

	/**
	 * Return a copy with another {@code maxRequestBytes}.
	 * @param maxRequestBytes most bytes of a request, decoded, or {@code null} for no
	 * limit
	 * @return the copy
	 */
	public RpcSettings withMaxRequestBytes(@Nullable Long maxRequestBytes) {
		return new RpcSettings(this.prefix, this.serverId, this.includeStackTrace, maxRequestBytes,
				this.maxResponseBytes, this.maxExternalizedResponseBytes, this.readLimits);
	}

	/**
	 * Return a copy with another {@code maxResponseBytes}.
	 * @param maxResponseBytes most bytes of a response before any content coding, or
	 * {@code null} for no limit
	 * @return the copy
	 */
	public RpcSettings withMaxResponseBytes(@Nullable Long maxResponseBytes) {
		return new RpcSettings(this.prefix, this.serverId, this.includeStackTrace, this.maxRequestBytes,
				maxResponseBytes, this.maxExternalizedResponseBytes, this.readLimits);
	}

	/**
	 * Return a copy with another {@code maxExternalizedResponseBytes}.
	 * @param maxExternalizedResponseBytes most bytes that one response may put into
	 * storage, or {@code null} for no limit
	 * @return the copy
	 */
	public RpcSettings withMaxExternalizedResponseBytes(@Nullable Long maxExternalizedResponseBytes) {
		return new RpcSettings(this.prefix, this.serverId, this.includeStackTrace, this.maxRequestBytes,
				this.maxResponseBytes, maxExternalizedResponseBytes, this.readLimits);
	}

	/**
	 * Return a copy with another {@code readLimits}.
	 * @param readLimits limits on the heap objects created from a request
	 * @return the copy
	 */
	public RpcSettings withReadLimits(ReadLimits readLimits) {
		return new RpcSettings(this.prefix, this.serverId, this.includeStackTrace, this.maxRequestBytes,
				this.maxResponseBytes, this.maxExternalizedResponseBytes, readLimits);
	}

}
