package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.storage.TextBody;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadRequests;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.upload.NumberedPart;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * A resumable session, which takes the parts of one object in order. The session's URI
 * allows writing the object, so it is as secret as a signed URL.
 */
final class GcsSession {

	private static final int RESUME_INCOMPLETE = 308;

	/** Status by which GCS confirms a cancellation: client closed request. */
	private static final int CLIENT_CLOSED_REQUEST = 499;

	private static final Pattern RANGE = Pattern.compile("bytes=0-([0-9]{1,18})");

	private final StorageTransport transport;

	private final UploadRequests requests;

	private final URI session;

	/**
	 * Create a session.
	 * @param transport sends the chunks
	 * @param requests the requests of the upload
	 * @param session the session's URI
	 */
	GcsSession(StorageTransport transport, UploadRequests requests, URI session) {
		this.transport = transport;
		this.requests = requests;
		this.session = session;
	}

	/**
	 * Send one part, from the position that the session reports if an earlier attempt
	 * failed.
	 * @param part the part; all but the last one have a multiple of 256 KiB
	 * @param failures how many attempts have failed
	 * @param deadline covers all attempts
	 */
	void send(NumberedPart part, int failures, Deadline deadline) {
		new Chunk(part, deadline).send(failures);
	}

	/**
	 * Cancel the session and discard what it has received.
	 * @param deadline covers the request
	 */
	void cancel(Deadline deadline) {
		String operation = "cancel an upload";
		try (StorageResponse response = this.transport.send("DELETE", this.session, TextBody.EMPTY, Map.of(),
				UrlValidator.acceptAll(), deadline, this.requests.other(Purpose.REMOVAL))) {
			int status = response.status();
			if (status / 100 != 2 && status != CLIENT_CLOSED_REQUEST && status != 404 && status != 410) {
				throw GcsFailures.of(operation, response);
			}
		}
	}

	private static UploadRefusedException outOfStep() {
		return new UploadRefusedException("GCS and this upload do not agree on how much was stored", null);
	}

	/**
	 * One part that is being sent.
	 */
	private final class Chunk {

		private final NumberedPart part;

		private final Deadline deadline;

		private final long end;

		private final String total;

		/** How many bytes of the whole object the session has stored. */
		private long stored;

		private boolean complete;

		Chunk(NumberedPart part, Deadline deadline) {
			this.part = part;
			this.deadline = deadline;
			this.end = part.offset() + part.length();
			this.total = part.isLast() ? Long.toString(this.end) : "*";
			this.stored = part.offset();
		}

		void send(int failures) {
			if (failures > 0) {
				ask();
			}
			while (!isDone()) {
				long before = this.stored;
				if (before < this.end) {
					long skipped = before - this.part.offset();
					put(new Tail(this.part, skipped), before + "-" + (this.end - 1),
							GcsSession.this.requests.part(this.part, skipped));
				}
				else {
					ask();
				}
				if (!isDone() && this.stored <= before) {
					throw new StorageUnavailableException("GCS stored nothing of a chunk", 0, null);
				}
			}
		}

		private boolean isDone() {
			return this.complete || (!this.part.isLast() && this.stored == this.end);
		}

		private void ask() {
			put(TextBody.EMPTY, "*", GcsSession.this.requests.other(Purpose.SESSION));
		}

		private void put(RequestBody body, String range, TransferRequest request) {
			String operation = "store a chunk";
			Map<String, String> headers = Map.of("Content-Range", "bytes " + range + "/" + this.total);
			try (StorageResponse response = GcsSession.this.transport.put(GcsSession.this.session, body, headers,
					UrlValidator.acceptAll(), this.deadline, request)) {
				int status = response.status();
				if (status == RESUME_INCOMPLETE) {
					String stored = response.header("Range");
					// A missing range means that nothing is stored only in the response
					// to a status query. Otherwise the status has to be queried.
					if (stored != null || body == TextBody.EMPTY) {
						this.stored = stored(stored);
					}
				}
				else if (status / 100 == 2) {
					// Only the storage itself can know that all chunks have arrived.
					this.complete = true;
					response.discard();
				}
				else if (status == 404 || status == 410) {
					throw new UploadRefusedException(
							"GCS ended the upload session before the upload (status " + status + ")", null);
				}
				else {
					throw GcsFailures.of(operation, response);
				}
			}
			catch (StorageUnavailableException ex) {
				throw GcsFailures.explained(operation, ex);
			}
			if (this.complete && !this.part.isLast()) {
				throw outOfStep();
			}
		}

		private long stored(@Nullable String range) {
			long bytes = 0;
			if (range != null) {
				Matcher matcher = RANGE.matcher(range.strip());
				if (!matcher.matches()) {
					throw outOfStep();
				}
				bytes = Long.parseLong(matcher.group(1)) + 1;
			}
			if (bytes < this.part.offset() || bytes > this.end) {
				// The earlier parts are closed and cannot be sent again.
				throw outOfStep();
			}
			return bytes;
		}

	}

	/**
	 * The rest of a part.
	 *
	 * @param part the whole part
	 * @param skipped how many of its bytes are not sent
	 */
	private record Tail(RequestBody part, long skipped) implements RequestBody {

		@Override
		public long length() {
			return this.part.length() - this.skipped;
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			this.part.writeTo((this.skipped == 0) ? channel : new SkippingChannel(channel, this.skipped));
		}

	}

	/**
	 * A channel that drops the first bytes.
	 */
	private static final class SkippingChannel implements WritableByteChannel {

		private final WritableByteChannel target;

		private long left;

		SkippingChannel(WritableByteChannel target, long skipped) {
			this.target = target;
			this.left = skipped;
		}

		@Override
		public int write(ByteBuffer source) throws IOException {
			int skipped = (int) Math.min(this.left, source.remaining());
			source.position(source.position() + skipped);
			this.left -= skipped;
			return skipped + (source.hasRemaining() ? this.target.write(source) : 0);
		}

		@Override
		public boolean isOpen() {
			return this.target.isOpen();
		}

		@Override
		public void close() throws IOException {
			this.target.close();
		}

	}

}
