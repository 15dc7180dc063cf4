package dev.vgi.external.fetch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferTimeoutException;

/**
 * An object of the service's own storage that is read without HTTP. Belongs to the
 * caller's thread.
 */
final class OwnObject {

	private final SeekableByteChannel channel;

	final long length;

	private final String shown;

	final BodyShape shape;

	// Borrows the object.
	OwnObject(StoredObject object, String shown, FetchConfig config) throws IOException {
		config.checkSize(object.length());
		this.channel = object.channel();
		this.length = object.length();
		this.shown = shown;
		ContentCodec codec = ContentCodec.ofAnswer(object.contentCoding());
		ByteBuffer head = ByteBuffer.allocate((codec != null) ? OpenedObject.HEAD_LENGTH : 0);
		while (head.hasRemaining() && this.channel.read(head) >= 0) {
			continue;
		}
		this.channel.position(this.channel.position() - head.position());
		this.shape = BodyShape.of(codec, head.flip(), this.length, config);
	}

	void readInto(BodyAssembly assembly, Deadline deadline) throws IOException {
		while (assembly.encoded() < this.length && this.channel.read(assembly.input()) >= 0) {
			assembly.advance();
			if (deadline.hasPassed()) {
				throw new TransferTimeoutException(
						"Reading " + this.shown + " did not finish within " + deadline.timeout().toMillis() + " ms",
						null);
			}
		}
		long read = assembly.encoded();
		if (read < this.length) {
			throw new StorageUnavailableException(
					"The object at " + this.shown + " ended after " + read + " of " + this.length + " bytes", 0, null);
		}
		if (read > this.length || this.channel.read(ByteBuffer.allocate(1)) > 0) {
			throw new CorruptStreamException(
					"The object at " + this.shown + " has more than its " + this.length + " bytes");
		}
	}

}
