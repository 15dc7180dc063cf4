package dev.vgi.external.rpc.pipe;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.channels.WritableByteChannel;

import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.memory.InputStreamChannel;
import dev.vgi.external.memory.OutputStreamChannel;
import org.apache.arrow.memory.BufferAllocator;

/**
 * The bytes of one connection in both directions, with no framing but Arrow's. Where both
 * ends are channels, batches go from Arrow's memory into the system and back without a
 * copy in between. One thread reads and one writes; any thread may close it.
 */
public final class Pipe implements AutoCloseable {

	/** Method that asks for means of transport that both ends share. */
	public static final String TRANSPORT_OPTIONS = "__transport_options__";

	private final PipeInput input;

	private final WritableByteChannel output;

	private Pipe(PipeInput input, WritableByteChannel output) {
		this.input = input;
		this.output = output;
	}

	/**
	 * Connect two channels.
	 * @param in a blocking channel; taken over
	 * @param out a blocking channel, possibly the same one; taken over
	 * @return the pipe; the caller closes it
	 */
	public static Pipe of(ReadableByteChannel in, WritableByteChannel out) {
		return new Pipe(new PipeInput(in), out);
	}

	/**
	 * Connect two streams, through one array on the heap for each direction. A thread
	 * that is blocked in a stream does not wake up when the pipe is closed.
	 * @param in the stream to read; taken over
	 * @param out the stream to write; taken over
	 * @return the pipe; the caller closes it
	 */
	public static Pipe of(InputStream in, OutputStream out) {
		return of(new InputStreamChannel(in), out);
	}

	/**
	 * Connect a channel and a stream.
	 * @param in a blocking channel; taken over
	 * @param out the stream to write; taken over
	 * @return the pipe; the caller closes it
	 */
	public static Pipe of(ReadableByteChannel in, OutputStream out) {
		return new Pipe(new PipeInput(in), new FlushedStream(out));
	}

	/**
	 * Read Arrow streams from here on. Several readers may follow each other: none reads
	 * more than it was asked for.
	 * @param maxBytes how many bytes may be read in total
	 * @param allocator the owner of the batches' memory
	 * @param options how to read
	 * @return the reader; the caller closes it, which leaves the pipe open
	 */
	public IpcStreamReader reader(long maxBytes, BufferAllocator allocator, ReadOptions options) {
		return IpcStreamReader.of(this.input, maxBytes, allocator, options);
	}

	/**
	 * Write a whole Arrow stream.
	 * @param stream the stream; borrowed
	 * @throws IOException if the connection is closed or broken
	 */
	public void send(GatheredStream stream) throws IOException {
		if (!(this.output instanceof GatheringByteChannel channel)) {
			stream.writeTo(this.output);
			return;
		}
		ByteBuffer[] segments = stream.segments().toArray(ByteBuffer[]::new);
		int sent = 0;
		while (sent < segments.length) {
			channel.write(segments, sent, segments.length - sent);
			while (sent < segments.length && !segments[sent].hasRemaining()) {
				sent++;
			}
		}
	}

	/**
	 * Return how much has arrived that nobody has read yet.
	 * @return bytes that can be read without asking the system for more
	 */
	public int buffered() {
		return this.input.available();
	}

	/**
	 * Return where bytes are written.
	 * @return a blocking channel; everything that is written reaches the peer at once
	 */
	public WritableByteChannel output() {
		return this.output;
	}

	/**
	 * Remember where the next bytes begin.
	 */
	public void mark() {
		this.input.mark();
	}

	/**
	 * Return what has arrived since the last {@link #mark()}, as far as it is still
	 * known. Tells what a peer has sent instead of Arrow.
	 * @return the latest bytes, at most 64 KiB
	 */
	public byte[] sinceMark() {
		return this.input.sinceMark();
	}

	/**
	 * End the output: the peer reads its end once it has read everything before.
	 * @throws IOException if that fails
	 */
	public void endOutput() throws IOException {
		if (this.output instanceof SocketChannel socket) {
			socket.shutdownOutput();
		}
		else {
			this.output.close();
		}
	}

	/**
	 * Return whether the pipe is open.
	 * @return {@code false} once it was closed here; the peer may be gone before
	 */
	public boolean isOpen() {
		return this.input.isOpen();
	}

	/**
	 * Close both directions. A thread that is blocked in one of the channels wakes up
	 * with an {@link IOException}. Idempotent; failures do not matter any more.
	 */
	@Override
	public void close() {
		close(this.output);
		close(this.input);
	}

	private static void close(AutoCloseable end) {
		try {
			end.close();
		}
		catch (Exception ex) {
			// Nothing more can be done for this end.
		}
	}

	/**
	 * A stream as a channel that keeps nothing back.
	 */
	private static final class FlushedStream implements WritableByteChannel {

		private final OutputStream stream;

		private final OutputStreamChannel pieces;

		private volatile boolean closed;

		FlushedStream(OutputStream stream) {
			this.stream = stream;
			this.pieces = new OutputStreamChannel(stream);
		}

		@Override
		public int write(ByteBuffer source) throws IOException {
			int written = this.pieces.write(source);
			this.pieces.flush();
			this.stream.flush();
			return written;
		}

		@Override
		public boolean isOpen() {
			return !this.closed;
		}

		@Override
		public void close() throws IOException {
			this.closed = true;
			this.stream.close();
		}

	}

}
