package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.apache.commons.logging.Log;

/**
 * What a worker writes to its standard error: each line goes to a log, and the last ones
 * are kept. One thread of its own reads it to its end, since a worker that cannot write
 * stands still. Thread-safe.
 */
final class StandardError {

	private static final int LINES = 20;

	/**
	 * The rest of a longer line is dropped: on a line of its own, the query of a URL
	 * would not be recognised as one.
	 */
	private static final int LONGEST = 4096;

	private final InputStream in;

	private final Log log;

	private final Deque<String> last = new ArrayDeque<>();

	private final CountDownLatch ended = new CountDownLatch(1);

	private StandardError(InputStream in, Log log) {
		this.in = in;
		this.log = log;
	}

	/**
	 * Begin to read.
	 * @param in the stream; closed at its end
	 * @param log receives the lines
	 * @param worker the worker's name
	 * @return the reader
	 */
	static StandardError read(InputStream in, Log log, String worker) {
		StandardError errors = new StandardError(in, log);
		Thread thread = new Thread(errors::readAll, "vgi-external-worker-" + worker);
		thread.setDaemon(true);
		thread.start();
		return errors;
	}

	private void readAll() {
		byte[] line = new byte[LONGEST];
		int length = 0;
		byte[] block = new byte[LONGEST];
		try (InputStream in = this.in) {
			for (int got = in.read(block); got >= 0; got = in.read(block)) {
				for (int i = 0; i < got; i++) {
					if (block[i] == '\n') {
						line(line, length);
						length = 0;
					}
					else if (length < LONGEST) {
						line[length++] = block[i];
					}
				}
			}
		}
		catch (IOException ex) {
			// Closed at the end of the worker.
		}
		finally {
			if (length > 0) {
				line(line, length);
			}
			this.ended.countDown();
		}
	}

	private void line(byte[] bytes, int length) {
		String text = Words.shown(new String(bytes, 0, length, StandardCharsets.UTF_8));
		if (text.isEmpty()) {
			return;
		}
		synchronized (this.last) {
			if (this.last.size() == LINES) {
				this.last.removeFirst();
			}
			this.last.addLast(text);
		}
		this.log.info(text);
	}

	/**
	 * Return the last lines of a worker that has ended.
	 * @param most how long to wait for them, in milliseconds
	 * @return at most twenty lines
	 */
	List<String> last(long most) {
		try {
			this.ended.await(most, TimeUnit.MILLISECONDS);
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
		synchronized (this.last) {
			return List.copyOf(this.last);
		}
	}

	/**
	 * Stop reading.
	 */
	void close() {
		try {
			this.in.close();
		}
		catch (IOException ex) {
			// It is not read any more.
		}
	}

}
