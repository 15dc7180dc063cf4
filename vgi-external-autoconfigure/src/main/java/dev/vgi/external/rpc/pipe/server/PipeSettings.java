package dev.vgi.external.rpc.pipe.server;

import dev.vgi.external.batch.ReadLimits;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * How RPC methods are served on pipes.
 *
 * @param serverId identifier of this process, 12 hexadecimal digits
 * @param includeStackTrace whether errors carry stack traces
 * @param protocolOptional whether a call without a protocol is for the only one that is
 * hosted, as peers before 0.50 mean it
 * @param maxExternalizedResponseBytes most bytes that one answer may put into storage, or
 * {@code null} for no limit
 * @param readLimits limits on the heap objects created from a request or a turn
 */
public record PipeSettings(String serverId, boolean includeStackTrace, boolean protocolOptional,
		@Nullable Long maxExternalizedResponseBytes, ReadLimits readLimits) {

	public PipeSettings {
		Assert.notNull(serverId, "'serverId' must not be null");
		Assert.isTrue(maxExternalizedResponseBytes == null || maxExternalizedResponseBytes > 0,
				"'maxExternalizedResponseBytes' must be positive");
		Assert.notNull(readLimits, "'readLimits' must not be null");
	}

}
