package dev.vgi.external.web;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.memory.OutputStreamChannel;
import dev.vgi.external.url.RedactedUrl;

/**
 * The end of a stream that fails after its status was sent. A reader of the protocol
 * finds the reason in an error batch. For everyone else the stream is cut inside a
 * message: between two messages its end could be mistaken for the end of the data.
 */
final class BrokenOff {

	/**
	 * The start of a message, its length, and less than that. Some readers, such as
	 * Arrow's in JavaScript, take it for the end of the data if nothing follows a length.
	 */
	private static final int[] CUT = { 0xFFFFFFFF, 1 << 10, 0xFFFFFFFF };

	private BrokenOff() {
	}

	/**
	 * Write the reason and break off.
	 * @param failure why the stream cannot go on
	 * @param writer stands between two messages
	 * @param channel its channel
	 * @throws IOException if the channel fails
	 */
	static void after(Throwable failure, IpcStreamWriter writer, OutputStreamChannel channel) throws IOException {
		writer.writeEmpty(metadata(failure));
		ByteBuffer cut = ByteBuffer.allocate(4 * CUT.length).order(ByteOrder.LITTLE_ENDIAN);
		cut.asIntBuffer().put(CUT);
		channel.write(cut);
		channel.flush();
	}

	// What a handler throws may contain what its callers must not see.
	private static BatchMetadata metadata(Throwable failure) {
		boolean known = failure instanceof VgiExternalException;
		String message = known ? RedactedUrl.scrub(failure.getMessage()) : "The source of the result failed";
		BatchMetadata metadata = new LogMessage(LogMessage.EXCEPTION, "RuntimeError: " + message,
				Map.of("exception_type", "RuntimeError", "exception_message", message))
			.toMetadata();
		return (failure instanceof VgiExternalException external)
				? metadata.with(MetadataKeys.ERROR_KIND, external.kind().name().toLowerCase(Locale.ROOT)) : metadata;
	}

}
