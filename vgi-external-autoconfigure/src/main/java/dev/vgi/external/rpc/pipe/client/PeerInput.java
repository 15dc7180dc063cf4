package dev.vgi.external.rpc.pipe.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/**
 * What a peer sends. Used by one thread at a time, except for closing.
 */
final class PeerInput implements ReadableByteChannel {

	private final ReadableByteChannel channel;

	private final Waiting waiting;

	private volatile boolean ended;

	/**
	 * Create an input.
	 * @param channel a blocking channel; closed with the input
	 * @param waiting tells whether bytes wait to be read
	 */
	PeerInput(ReadableByteChannel channel, Waiting waiting) {
		this.channel = channel;
		this.waiting = waiting;
	}

	/**
	 * Return whether the peer has ended its output, and everything was read.
	 * @return whether a read has met the end
	 */
	boolean isEnded() {
		return this.ended;
	}

	/**
	 * Return whether a read would return at once.
	 * @return whether there are bytes, the end, or a failure
	 */
	boolean isReady() {
		try {
			return this.ended || this.waiting.isReady();
		}
		catch (IOException ex) {
			return true;
		}
	}

	@Override
	public int read(ByteBuffer target) throws IOException {
		int got = this.channel.read(target);
		this.ended |= got < 0;
		return got;
	}

	@Override
	public boolean isOpen() {
		return this.channel.isOpen();
	}

	@Override
	public void close() throws IOException {
		this.channel.close();
	}

	/**
	 * Looks whether bytes wait to be read.
	 */
	@FunctionalInterface
	interface Waiting {

		/**
		 * Look, without waiting.
		 * @return whether a read would return at once
		 * @throws IOException if it would fail
		 */
		boolean isReady() throws IOException;

	}

}
