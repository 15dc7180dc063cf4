package dev.vgi.external.web.client;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.call.CallContext;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.client.CapabilitiesCache.Announcement;
import dev.vgi.external.web.client.ServiceResponse.AnswerReader;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Sends the inputs of calls: inline, or through storage if they are large or the service
 * refuses their size. Thread-safe.
 */
final class InputSender {

	/**
	 * A request of this size or more is not sent until the service's cap is known: a
	 * refusal would cost more than the extra request.
	 */
	static final long ASK_FIRST = 1 << 20;

	private final ServiceConnection service;

	private final UploadUrls uploadUrls;

	private final PayloadUploader uploader;

	private final UrlValidator validator;

	private final BufferAllocator allocator;

	private final long uploadThreshold;

	private final boolean inlineOnUploadFailure;

	InputSender(VgiClient.Builder builder, ServiceConnection service, UploadUrls uploadUrls) {
		this.service = service;
		this.uploadUrls = uploadUrls;
		this.uploader = builder.uploader;
		this.validator = builder.validator;
		this.allocator = builder.allocator;
		this.uploadThreshold = builder.uploadThreshold;
		this.inlineOnUploadFailure = builder.inlineOnUploadFailure;
	}

	/**
	 * Send an input to a known path.
	 * @param <T> the result
	 * @param target the request without its body
	 * @param input the batch; borrowed
	 * @param context the call
	 * @param reader reads the answer
	 * @return the result
	 */
	<T> T send(ServiceRequest target, AnnotatedBatch input, CallContext context, AnswerReader<T> reader) {
		return send(input, context, (body) -> this.service.send(target.with(body),
				(response) -> response.readUnlessTooLarge(context, reader)));
	}

	/**
	 * Send an input.
	 * @param <T> the result
	 * @param input the batch; borrowed
	 * @param context the call
	 * @param attempt sends the input itself, or the pointer to it
	 * @return the result
	 */
	<T> T send(AnnotatedBatch input, CallContext context, Attempt<T> attempt) {
		try (GatheredStream body = IpcStreamWriter.gather(OutputCycle.of(input))) {
			long length = body.length();
			Announcement known = (length >= Math.min(ASK_FIRST, this.uploadThreshold)) ? this.service.knownOrAsked()
					: this.service.known();
			boolean refused = known != null && known.refuses(length);
			if (!refused) {
				Pointer stored = (known != null && length >= this.uploadThreshold && known.takesUpload(length))
						? uploadIfPossible(body, context) : null;
				if (stored != null) {
					return sendPointer(attempt, input, stored, length, context);
				}
				context.sent(length);
				T answer = attempt.send(body);
				if (answer != null) {
					return answer;
				}
				known = this.service.knownOrAsked();
			}
			if (known == null || !known.capabilities().uploadUrlSupport()) {
				throw tooLarge(request(length),
						(known != null) ? "it vends no upload URLs" : "it does not say whether it vends upload URLs");
			}
			return sendPointer(attempt, input, upload(body, context), length, context);
		}
	}

	private @Nullable Pointer uploadIfPossible(GatheredStream body, CallContext context) {
		try {
			return upload(body, context);
		}
		catch (VgiExternalException ex) {
			// An interrupted caller wants no result, neither through storage nor inline.
			if (!this.inlineOnUploadFailure || ex.kind() == VgiExternalException.Kind.CANCELLED
					|| Thread.currentThread().isInterrupted()) {
				throw ex;
			}
			this.uploader.fellBackInline(ex);
			return null;
		}
	}

	private Pointer upload(GatheredStream body, CallContext context) {
		UploadUrl target = this.uploadUrls.request(1).get(0);
		Pointer pointer = this.uploader.upload(body, target, this.validator.or(this.service.ownStore()), 0);
		context.uploaded(body.length());
		return pointer;
	}

	private <T> T sendPointer(Attempt<T> attempt, AnnotatedBatch input, Pointer stored, long length,
			CallContext context) {
		BatchMetadata metadata = input.metadata().with(stored.toMetadata());
		try (AnnotatedBatch pointer = input.zeroRows(metadata, this.allocator);
				GatheredStream small = IpcStreamWriter.gather(OutputCycle.of(pointer))) {
			context.sent(small.length());
			T answer = attempt.send(small);
			if (answer == null) {
				throw tooLarge(request(length), "it refuses even the pointer to it");
			}
			return answer;
		}
	}

	private static String request(long length) {
		return "The request of " + length + " bytes";
	}

	static UnexpectedResponseException tooLarge(String what, String why) {
		return new UnexpectedResponseException(what + " is too large for the service: " + why,
				ServiceResponse.PAYLOAD_TOO_LARGE);
	}

	/**
	 * Sends a body.
	 *
	 * @param <T> the result
	 */
	@FunctionalInterface
	interface Attempt<T> {

		/**
		 * Send it.
		 * @param body the stream; borrowed
		 * @return the answer, or {@code null} if the service finds the body too large
		 */
		@Nullable T send(GatheredStream body);

	}

}
