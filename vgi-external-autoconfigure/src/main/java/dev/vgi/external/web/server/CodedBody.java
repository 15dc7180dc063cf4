package dev.vgi.external.web.server;

import java.io.IOException;
import java.io.OutputStream;

import jakarta.servlet.ServletOutputStream;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer that is encoded while it is written. It ends with
 * {@link #finish()} or, if it is discarded, with {@link #release()}.
 */
final class CodedBody extends OutputStream {

	private static final Log logger = LogFactory.getLog(CodedBody.class);

	private final ServletOutputStream target;

	private final AnswerCoding coding;

	private final long length;

	private @Nullable OutputStream encoder;

	/** The caller has disconnected. */
	private boolean gone;

	/** The output is discarded. */
	private boolean released;

	CodedBody(ServletOutputStream target, AnswerCoding coding, long length) {
		this.target = target;
		this.coding = coding;
		this.length = length;
	}

	AnswerCoding coding() {
		return this.coding;
	}

	// Created late, since some encoders write a first byte when they are created.
	OutputStream encoder() throws IOException {
		if (this.encoder == null) {
			this.encoder = this.coding.codec().encode(this, this.length);
		}
		return this.encoder;
	}

	@Override
	public void write(int value) throws IOException {
		write(new byte[] { (byte) value }, 0, 1);
	}

	@Override
	public void write(byte[] bytes, int offset, int length) throws IOException {
		if (this.released) {
			return;
		}
		boolean written = false;
		try {
			this.target.write(bytes, offset, length);
			written = true;
		}
		finally {
			this.gone = !written;
		}
	}

	void finish() throws IOException {
		if (this.gone) {
			release();
			return;
		}
		encoder().close();
	}

	void release() {
		this.released = true;
		try {
			if (this.encoder != null) {
				this.encoder.close();
			}
		}
		catch (IOException ex) {
			// The encoder reports that the body is incomplete.
			logger.debug("An answer was not coded to its end", ex);
		}
	}

}
