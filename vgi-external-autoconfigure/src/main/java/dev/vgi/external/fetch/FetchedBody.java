package dev.vgi.external.fetch;

import dev.vgi.external.Internal;
import dev.vgi.external.transfer.TransferStatistics;
import org.apache.arrow.memory.ArrowBuf;

/**
 * A fetched, decoded and verified body. The receiver closes it; a reader that retained
 * the buffer keeps the memory alive beyond that.
 *
 * @param buffer the memory, at least {@code length} bytes
 * @param length how many of its bytes are the Arrow stream
 * @param statistics what the fetch cost
 */
@Internal
public record FetchedBody(ArrowBuf buffer, long length, TransferStatistics statistics) implements AutoCloseable {

	@Override
	public void close() {
		this.buffer.close();
	}

}
