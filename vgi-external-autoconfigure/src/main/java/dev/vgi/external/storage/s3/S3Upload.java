package dev.vgi.external.storage.s3;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.storage.ArrowMediaType;
import dev.vgi.external.storage.Leftovers;
import dev.vgi.external.storage.ObjectUpload;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.upload.NumberedPart;
import dev.vgi.external.upload.PartWindow;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.upload.Payload.Part;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.core.SdkServiceClientConfiguration;
import software.amazon.awssdk.retries.DefaultRetryStrategy;
import software.amazon.awssdk.services.s3.model.AbortMultipartUploadResponse;
import software.amazon.awssdk.services.s3.model.CompleteMultipartUploadResponse;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.CreateMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.NoSuchUploadException;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.Tag;
import software.amazon.awssdk.services.s3.model.Tagging;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;

/**
 * The upload of one object to S3: one signed PUT, or a multipart upload that is aborted
 * if it fails.
 */
final class S3Upload extends ObjectUpload {

	private static final Duration ABORT_PAUSE = Duration.ofMillis(200);

	private final S3Bucket bucket;

	private final S3StorageSettings settings;

	private final PartWindow window;

	private final String key;

	private final @Nullable String coding;

	S3Upload(S3Bucket bucket, S3StorageSettings settings, RetryPolicy attempts, Leftovers leftovers, PartWindow window,
			String key, @Nullable String coding) {
		super(attempts, settings.timeout(), leftovers);
		this.bucket = bucket;
		this.settings = settings;
		this.window = window;
		this.key = key;
		this.coding = coding;
	}

	@Override
	protected void storeAtOnce(Part whole) {
		PutObjectRequest request = putRequest();
		this.<@Nullable Void>whole((failures, deadline) -> {
			this.bucket.put(request, whole, deadline, requests());
			return null;
		});
	}

	@Override
	protected void storeInParts(Part first, Payload payload, int partSize) {
		String uploadId = create();
		try {
			S3PartUrls urls = this.bucket.partUrls(partRequest(uploadId));
			AtomicLong length = new AtomicLong();
			List<CompletedPart> parts = this.window.send(first, payload, partSize, this::stepDeadline,
					(part, failures, deadline) -> {
						requireNoMoreParts(part, partSize);
						String tag = this.bucket.putPart(urls, part, deadline, requests());
						length.addAndGet(part.length());
						return CompletedPart.builder().partNumber(part.number()).eTag(tag).build();
					});
			String tag = this.<@Nullable String>step((failures, deadline) -> {
				creates();
				return complete(uploadId, parts, failures, deadline);
			});
			this.<@Nullable Void>step((failures, deadline) -> {
				this.bucket.confirm(tag, this.key, length.get(), deadline, requests());
				return null;
			});
		}
		catch (RuntimeException | Error ex) {
			cleanUp(ex, (deadline) -> abort(uploadId, deadline));
			throw ex;
		}
	}

	private static void requireNoMoreParts(NumberedPart part, int partSize) {
		// Not known before, unless the length is. The parts that follow may come first.
		int most = S3StorageSettings.MOST_PARTS;
		if (part.number() > most || (part.number() == most && !part.isLast())) {
			throw new UploadRefusedException("An object in S3 has at most " + most + " parts, and " + partSize
					+ " bytes each do not suffice: raise 'vgi.external.upload.part-size'", null);
		}
	}

	private String create() {
		AtomicInteger unanswered = new AtomicInteger();
		String uploadId = null;
		try {
			uploadId = step((failures, deadline) -> {
				unanswered.incrementAndGet();
				try {
					String created = create(deadline);
					unanswered.decrementAndGet();
					return created;
				}
				catch (UploadRefusedException ex) {
					unanswered.decrementAndGet();
					throw ex;
				}
			});
			return uploadId;
		}
		finally {
			if (unanswered.get() > 0) {
				String known = uploadId;
				cleanUpLater((deadline) -> abortOthers(known, deadline));
			}
		}
	}

	private String create(Deadline deadline) {
		return this.bucket
			.call("create a multipart upload", deadline, requests().watch(Purpose.SESSION),
					(client, limits) -> client.createMultipartUpload(
							multipartRequest().toBuilder().overrideConfiguration(once(limits)).build()))
			.uploadId();
	}

	// Of attempts that the SDK repeats itself, nobody would know that they were not
	// answered.
	private static AwsRequestOverrideConfiguration once(AwsRequestOverrideConfiguration limits) {
		return limits.toBuilder().addPlugin(S3Upload::doNotRetry).build();
	}

	private static void doNotRetry(SdkServiceClientConfiguration.Builder client) {
		client.overrideConfiguration(
				client.overrideConfiguration().toBuilder().retryStrategy(DefaultRetryStrategy.doNotRetry()).build());
	}

	private @Nullable String complete(String uploadId, List<CompletedPart> parts, int failures, Deadline deadline) {
		CompleteMultipartUploadResponse completed = this.bucket.<@Nullable CompleteMultipartUploadResponse>call(
				"complete a multipart upload", deadline, requests().watch(Purpose.SESSION), (client, limits) -> {
					try {
						return client.completeMultipartUpload((complete) -> complete.bucket(this.settings.bucket())
							.key(this.key)
							.uploadId(uploadId)
							.multipartUpload((upload) -> upload.parts(parts))
							.overrideConfiguration(once(limits)));
					}
					catch (NoSuchUploadException ex) {
						if (failures == 0) {
							throw ex;
						}
						return null;
					}
				});
		// An earlier attempt may have succeeded although it seemed to fail. And a store
		// that was killed while it put the parts together may say of a further attempt
		// that it succeeded, although nothing is stored. The confirmation will tell.
		return (completed != null && failures == 0) ? completed.eTag() : null;
	}

	private void abort(String uploadId, Deadline deadline) {
		if (hasAborted(uploadId, deadline)) {
			// A part whose request was cut off after its last byte may be stored after
			// the abort. S3 then requires another abort.
			attempts().pause(ABORT_PAUSE);
			hasAborted(uploadId, deadline);
		}
	}

	private boolean hasAborted(String uploadId, Deadline deadline) {
		return this.bucket.<@Nullable AbortMultipartUploadResponse>call("abort a multipart upload", deadline,
				requests().watch(Purpose.REMOVAL), (client, limits) -> {
					try {
						return client.abortMultipartUpload((abort) -> abort.bucket(this.settings.bucket())
							.key(this.key)
							.uploadId(uploadId)
							.overrideConfiguration(limits));
					}
					catch (NoSuchUploadException ex) {
						return null;
					}
				}) != null;
	}

	/**
	 * Abort uploads that were created without an answer, so that nobody knows their ids.
	 * @param known the id of the upload that was used, or {@code null}
	 * @param deadline covers the attempt
	 */
	private void abortOthers(@Nullable String known, Deadline deadline) {
		this.bucket.call("list multipart uploads", deadline, requests().watch(Purpose.REMOVAL),
				(client, limits) -> client.listMultipartUploads(
						(list) -> list.bucket(this.settings.bucket()).prefix(this.key).overrideConfiguration(limits)))
			.uploads()
			.stream()
			// A compatible store may ignore the prefix, and list what is not ours to
			// abort.
			.filter((upload) -> this.key.equals(upload.key()))
			.map(MultipartUpload::uploadId)
			.filter((uploadId) -> !uploadId.equals(known))
			.forEach((uploadId) -> hasAborted(uploadId, deadline));
	}

	@Override
	protected URI signDownloadUrl(Deadline deadline) {
		return this.bucket.downloadUrl(this.key, deadline);
	}

	@Override
	protected void delete(Deadline deadline) {
		this.bucket.call("delete an object that nobody can be told of", deadline, requests().watch(Purpose.REMOVAL),
				(client, limits) -> client.deleteObject(
						(delete) -> delete.bucket(this.settings.bucket()).key(this.key).overrideConfiguration(limits)));
	}

	private PutObjectRequest putRequest() {
		PutObjectRequest.Builder request = PutObjectRequest.builder()
			.bucket(this.settings.bucket())
			.key(this.key)
			.contentType(ArrowMediaType.NAME)
			.contentEncoding(this.coding)
			.storageClass(this.settings.storageClass());
		Tagging tagging = tagging();
		if (tagging != null) {
			// The SDK turns null into an empty header, which some stores refuse.
			request.tagging(tagging);
		}
		S3Encryption encryption = this.settings.encryption();
		if (encryption != null) {
			request.serverSideEncryption(encryption.algorithm())
				.ssekmsKeyId(encryption.kmsKeyId())
				.bucketKeyEnabled(encryption.bucketKey() ? true : null);
		}
		return request.build();
	}

	private CreateMultipartUploadRequest multipartRequest() {
		CreateMultipartUploadRequest.Builder request = CreateMultipartUploadRequest.builder()
			.bucket(this.settings.bucket())
			.key(this.key)
			.contentType(ArrowMediaType.NAME)
			.contentEncoding(this.coding)
			.storageClass(this.settings.storageClass());
		Tagging tagging = tagging();
		if (tagging != null) {
			request.tagging(tagging);
		}
		S3Encryption encryption = this.settings.encryption();
		if (encryption != null) {
			request.serverSideEncryption(encryption.algorithm())
				.ssekmsKeyId(encryption.kmsKeyId())
				.bucketKeyEnabled(encryption.bucketKey() ? true : null);
		}
		return request.build();
	}

	private UploadPartRequest partRequest(String uploadId) {
		return UploadPartRequest.builder().bucket(this.settings.bucket()).key(this.key).uploadId(uploadId).build();
	}

	private @Nullable Tagging tagging() {
		if (this.settings.tags().isEmpty()) {
			return null;
		}
		List<Tag> tags = new ArrayList<>();
		this.settings.tags().forEach((key, value) -> tags.add(Tag.builder().key(key).value(value).build()));
		return Tagging.builder().tagSet(tags).build();
	}

}
