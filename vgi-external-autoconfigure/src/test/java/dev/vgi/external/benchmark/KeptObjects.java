package dev.vgi.external.benchmark;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.jspecify.annotations.Nullable;

/**
 * Objects that a storage keeps in memory until they were read once, so that neither disk
 * nor page cache have a say. Whoever writes faster than others read has to wait.
 */
final class KeptObjects {

	private static final int PIECE = 1 << 20;

	/** Pieces in all. */
	private static final int MOST = 1536;

	/** Objects that were read and are still there, for a request that is repeated. */
	private static final int LATE = 8;

	private final Map<String, Kept> objects = new HashMap<>();

	private final Deque<Kept> read = new ArrayDeque<>();

	private final Deque<ByteBuffer> free = new ArrayDeque<>();

	private int made;

	/**
	 * Receive a part.
	 * @param path of the object
	 * @param number of the part
	 * @param buffered what was read of it already
	 * @param in the rest
	 * @param length bytes of both
	 * @param pace called with the number of bytes received so far
	 * @throws Exception if it cannot be received
	 */
	void receive(String path, int number, ByteBuffer buffered, ReadableByteChannel in, long length,
			StorageServer.Pace pace) throws Exception {
		List<ByteBuffer> pieces = new ArrayList<>();
		boolean received = false;
		try {
			receive(pieces, buffered, in, length, pace);
			received = true;
		}
		finally {
			keep(path, number, pieces, received);
		}
	}

	private synchronized void keep(String path, int number, List<ByteBuffer> pieces, boolean received) {
		if (received) {
			this.objects.computeIfAbsent(path, Kept::new).parts.put(number, pieces);
			return;
		}
		this.free.addAll(pieces);
		notifyAll();
	}

	private void receive(List<ByteBuffer> pieces, ByteBuffer buffered, ReadableByteChannel in, long length,
			StorageServer.Pace pace) throws Exception {
		for (long left = length; left > 0;) {
			ByteBuffer piece = piece();
			pieces.add(piece);
			piece.limit((int) Math.min(PIECE, left));
			left -= piece.limit();
			while (piece.hasRemaining()) {
				if (buffered.hasRemaining()) {
					int count = Math.min(buffered.remaining(), piece.remaining());
					piece.put(buffered.slice().limit(count));
					buffered.position(buffered.position() + count);
				}
				else if (in.read(piece) < 0) {
					throw new EOFException();
				}
				pace.keep(length - left - piece.remaining());
			}
			piece.flip();
		}
	}

	private synchronized ByteBuffer piece() throws InterruptedException {
		while (this.free.isEmpty() && this.made == MOST) {
			wait();
		}
		ByteBuffer piece = this.free.poll();
		if (piece == null) {
			this.made++;
			return ByteBuffer.allocateDirect(PIECE);
		}
		return piece.clear();
	}

	/**
	 * Find an object.
	 * @param path of the object
	 * @return its bytes, or {@code null} if there is none
	 */
	synchronized StorageServer.@Nullable Content find(String path) {
		Kept object = this.objects.get(path);
		return (object != null) ? new Pieces(object.pieces(), object.size()) : null;
	}

	/**
	 * Note that a part of an object was read.
	 * @param path of the object
	 * @param count bytes that were read
	 */
	synchronized void wasRead(String path, long count) {
		Kept object = this.objects.get(path);
		if (object != null) {
			object.read += count;
			if (object.read >= object.size() && !this.read.contains(object)) {
				this.read.add(object);
			}
			if (this.read.size() > LATE) {
				forget(this.read.remove());
			}
		}
	}

	private void forget(Kept object) {
		this.objects.remove(object.path);
		object.parts.values().forEach(this.free::addAll);
		notifyAll();
	}

	/**
	 * Forget everything.
	 */
	synchronized void clear() {
		List.copyOf(this.objects.values()).forEach(this::forget);
		this.read.clear();
	}

	private static final class Kept {

		private final String path;

		private final TreeMap<Integer, List<ByteBuffer>> parts = new TreeMap<>();

		/** Bytes that were read. */
		private long read;

		Kept(String path) {
			this.path = path;
		}

		List<ByteBuffer> pieces() {
			return this.parts.values().stream().flatMap(List::stream).map(ByteBuffer::duplicate).toList();
		}

		long size() {
			return pieces().stream().mapToLong(ByteBuffer::remaining).sum();
		}

	}

	/**
	 * What was received, in order.
	 *
	 * @param pieces all of them full, except for the last one of each part
	 * @param size bytes of all
	 */
	private record Pieces(List<ByteBuffer> pieces, long size) implements StorageServer.Content {

		@Override
		public long transferTo(long from, long count, WritableByteChannel out) throws IOException {
			long start = 0;
			for (ByteBuffer piece : this.pieces) {
				if (from < start + piece.remaining()) {
					int offset = (int) (from - start);
					return out.write(piece.slice(offset, (int) Math.min(count, piece.remaining() - offset)));
				}
				start += piece.remaining();
			}
			throw new EOFException();
		}

	}

}
