package dev.vgi.external.web;

import java.io.IOException;
import java.io.InputStream;

import dev.vgi.external.Internal;
import org.apache.arrow.vector.ipc.ArrowReader;

/**
 * The type by which a lazy reader is asked of a {@link org.springframework.web.client
 * RestClient}, which leaves a response open for a result that is an {@link InputStream},
 * and for no other. There are no bytes to read.
 */
@Internal
public final class ReaderBody extends InputStream {

	private final ArrowReader reader;

	ReaderBody(ArrowReader reader) {
		this.reader = reader;
	}

	/**
	 * Return the reader of the response.
	 * @return the reader, whose closing also closes the response
	 */
	public ArrowReader reader() {
		return this.reader;
	}

	@Override
	public int read() {
		throw new UnsupportedOperationException("The batches are read by the reader");
	}

	@Override
	public void close() throws IOException {
		this.reader.close();
	}

}
