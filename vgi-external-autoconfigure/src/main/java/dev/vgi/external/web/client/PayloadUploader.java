package dev.vgi.external.web.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.Confirmation;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadRequests;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Digest;
import dev.vgi.external.url.RedactedUrl;
import dev.vgi.external.url.UrlValidator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * Uploads large inputs straight to storage, through a vended URL. Uses the storage
 * transport: no header, credential or interceptor of the application's clients reaches
 * the storage. Thread-safe.
 */
public final class PayloadUploader {

	private static final Log logger = LogFactory.getLog(PayloadUploader.class);

	/**
	 * The backend's name in statistics for uploads through vended URLs, whatever the
	 * storage.
	 */
	private static final String VENDED = "vended";

	private static final int STEP = 1 << 20;

	private final StorageTransport transport;

	private final Duration timeout;

	private final TransferResources resources;

	private final RetryPolicy attempts;

	/**
	 * Create an uploader with the deadline and the retries of fetches.
	 * @param config the deadline and the number of attempts
	 * @param resources what it shares with all transfers of the process; not closed by
	 * this uploader
	 */
	public PayloadUploader(ExternalLocationConfig config, TransferResources resources) {
		this(resources, config.fetchConfig().timeout(),
				new RetryPolicy(config.maxRetries(), config.retryDelay(), resources.transport()));
	}

	/**
	 * Create an uploader.
	 * @param resources what it shares with all transfers of the process; not closed by
	 * this uploader
	 * @param timeout overall deadline of an upload, including all attempts
	 * @param attempts decides when an upload is retried
	 */
	public PayloadUploader(TransferResources resources, Duration timeout, RetryPolicy attempts) {
		this.transport = resources.transport();
		this.timeout = timeout;
		this.resources = resources;
		this.attempts = attempts;
	}

	/**
	 * Upload a stream without a content coding, as the protocol requires, and digest it
	 * meanwhile: whoever has the upload URL too cannot replace the object unnoticed.
	 * @param stream the bytes; borrowed
	 * @param target the vended pair
	 * @param validator the caller's URL policy, asked about both URLs
	 * @param segment the number of the segment of a result set, from 1; 0 for a stream of
	 * its own
	 * @return location and digest
	 * @throws UploadRefusedException if the storage refuses it
	 * @throws dev.vgi.external.VgiExternalException if a URL is refused, the storage
	 * cannot be reached, fails or does not confirm the stream, or the deadline passes
	 */
	Pointer upload(GatheredStream stream, UploadUrl target, UrlValidator validator, int segment) {
		validator.requireAccepted(target.downloadUrl());
		TransferTrace trace = this.resources.begin(Direction.UPLOAD, VENDED, target.downloadUrl(), segment);
		try (Digest digest = Digest.start(stream, this.resources.threads(), trace)) {
			send(stream, target, validator, trace);
			Pointer pointer = new Pointer(target.downloadUrl(), digest.await());
			trace.succeeded(new TransferStatistics(stream.length(), stream.length(), null, trace.requests(), 0,
					trace.elapsed()));
			return pointer;
		}
		catch (Throwable ex) {
			throw trace.failed(ex);
		}
	}

	private void send(GatheredStream stream, UploadUrl target, UrlValidator validator, TransferTrace trace) {
		Deadline deadline = this.attempts.newDeadline(this.timeout);
		UploadRequests requests = UploadRequests.foreign(trace);
		trace.sized(stream.length(), null);
		trace.begins(Phase.UPLOAD);
		try {
			this.attempts.tracedBy(trace, Retried.WHOLE).<@Nullable Void>run(deadline, (failures) -> {
				send(new StreamBody(stream, trace), target, validator, failures, deadline, requests);
				return null;
			});
		}
		finally {
			trace.over(Phase.UPLOAD);
		}
	}

	private void send(StreamBody body, UploadUrl target, UrlValidator validator, int failures, Deadline deadline,
			UploadRequests requests) {
		Map<String, String> headers = Map.of(HttpHeaders.CONTENT_TYPE, ArrowMediaType.NAME);
		try (StorageResponse response = this.transport.put(target.uploadUrl(), body, headers, validator, deadline,
				requests.object(body.length()))) {
			int status = response.status();
			String answered = "Storage answered the upload to " + RedactedUrl.of(target.uploadUrl()) + " with status "
					+ status;
			if (status >= 500 || status == 408 || status == 429) {
				throw StorageUnavailableException.answered(answered, response);
			}
			// An earlier attempt may have succeeded unnoticed, and storage may refuse
			// another one.
			boolean taken = failures > 0 && (status == 409 || status == 412);
			if (!taken && (status < 200 || status >= 300)) {
				throw new UploadRefusedException(answered, null);
			}
			response.discard();
			if (!taken && Confirmation.isGivenBy(response.header("ETag"))) {
				return;
			}
		}
		Confirmation.ask(this.transport, target.downloadUrl(), body.length(), validator, deadline,
				requests.other(Purpose.CONFIRMATION));
	}

	/**
	 * Record that a stream travels inline because it cannot be uploaded.
	 * @param failure why
	 */
	void fellBackInline(VgiExternalException failure) {
		this.resources.listener().fellBackInline(failure.kind());
		// The service may have failed to vend a URL, and its text may quote one.
		logger
			.warn("An input travels inline because it cannot be uploaded: " + RedactedUrl.scrub(failure.getMessage()));
	}

	/**
	 * A gathered stream as a request body.
	 *
	 * @param stream the bytes
	 * @param trace receives the progress
	 */
	private record StreamBody(GatheredStream stream, TransferTrace trace) implements RequestBody {

		@Override
		public long length() {
			return this.stream.length();
		}

		@Override
		public void writeTo(WritableByteChannel channel) throws IOException {
			long sent = 0;
			for (ByteBuffer segment : this.stream.segments()) {
				while (segment.hasRemaining()) {
					ByteBuffer step = segment.slice(segment.position(), Math.min(STEP, segment.remaining()));
					segment.position(segment.position() + step.remaining());
					sent += step.remaining();
					while (step.hasRemaining()) {
						channel.write(step);
					}
					this.trace.progressed(sent, length());
				}
			}
		}

	}

}
