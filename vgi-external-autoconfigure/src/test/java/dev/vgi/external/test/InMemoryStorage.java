package dev.vgi.external.test;

import java.io.IOException;
import java.net.URI;
import java.nio.channels.ClosedByInterruptException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Supplier;

import dev.vgi.external.storage.BoundStorage;
import dev.vgi.external.storage.ObjectGoneException;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A storage for tests that keeps objects in memory, records them, and fails on request.
 * It serves them itself, over HTTP on a loopback port of its own, so that pointers and
 * upload URLs work for every client in this process, also where the application has no
 * server, as with {@code MockMvc}. Its URLs behave like those of a bucket: each is bound
 * to one object and one method, and expires.
 * <p>
 * {@link AutoConfigureVgiExternal} puts it in the place of the application's storage and
 * {@linkplain #reset() resets} it before every test.
 * <p>
 * Thread-safe. Holds at most 256 MB.
 */
public final class InMemoryStorage implements BoundStorage, AutoCloseable {

	private static final Duration EXPIRY = Duration.ofHours(1);

	private final RecordedObjects objects = new RecordedObjects(256L << 20);

	private final PlannedFailures failures = new PlannedFailures();

	private final SignedUrls urls;

	private final ObjectServer server;

	/**
	 * Start an empty storage.
	 */
	public InMemoryStorage() {
		this("", Clock.systemUTC());
	}

	InMemoryStorage(String path, Clock clock) {
		this.server = new ObjectServer(this);
		this.urls = new SignedUrls(URI.create(this.server.origin() + path + "/"), clock);
		this.server.start();
	}

	/**
	 * Return what the application has stored: what was externalised.
	 * @return the objects, in the order in which they were stored
	 */
	public List<RecordedUpload> uploads() {
		return this.objects.uploads();
	}

	/**
	 * Return what callers have stored through upload URLs.
	 * @return the objects, in the order in which they were stored
	 */
	public List<RecordedUpload> received() {
		return this.objects.received();
	}

	/**
	 * Let the next upload fail, as if the storage could not be reached: either one of the
	 * application, or one through an upload URL, which is answered with 500.
	 */
	public void failNextUpload() {
		this.failures.failUploads(1, PlannedFailures::unreachable);
	}

	/**
	 * Let all uploads fail from now on, as if the storage could not be reached.
	 */
	public void failUploads() {
		failUploads(PlannedFailures::unreachable);
	}

	/**
	 * Let all uploads fail from now on.
	 * @param failure what the application's uploads throw, such as an
	 * {@link UploadRefusedException}; those through upload URLs are answered with 500
	 */
	public void failUploads(Supplier<? extends RuntimeException> failure) {
		this.failures.failUploads(Integer.MAX_VALUE, failure);
	}

	/**
	 * Answer the next download with 500, after which it is usually tried again.
	 */
	public void failNextDownload() {
		this.failures.failDownloads(1, 500);
	}

	/**
	 * Answer all downloads with a status from now on.
	 * @param status the status, such as 500, or 404 for an object that is gone
	 */
	public void failDownloads(int status) {
		this.failures.failDownloads(Integer.MAX_VALUE, status);
	}

	/**
	 * Let all download URLs be expired: those that exist, and those that uploads return
	 * from now on. {@link #signAgain} returns a URL that works.
	 */
	public void expireUrls() {
		this.urls.expire();
	}

	/**
	 * Forget all objects, URLs and requested failures.
	 */
	public void reset() {
		this.failures.reset();
		this.urls.reset();
		this.objects.reset();
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner) {
		requireOpen();
		RuntimeException failure = this.failures.nextUpload();
		if (failure != null) {
			throw failure;
		}
		String key = ObjectKey.random(contentCoding, owner);
		try (RecordedObjects.Content content = this.objects.content()) {
			payload.writeTo(content);
			if (Thread.currentThread().isInterrupted()) {
				throw new ClosedByInterruptException();
			}
			this.objects.store(new RecordedUpload(key, content.toByteArray(), contentCoding), false);
		}
		catch (RecordedObjects.FullException ex) {
			throw new UploadRefusedException(String.valueOf(ex.getMessage()), null);
		}
		catch (IOException ex) {
			if (Thread.currentThread().isInterrupted()) {
				throw new TransferCancelledException("Interrupted during an upload");
			}
			throw new StorageUnavailableException("The upload broke off: " + FailureReason.of(ex), 0, ex);
		}
		return this.urls.signUpload(key, EXPIRY);
	}

	@Override
	public boolean takesUnknownLength() {
		return true;
	}

	@Override
	public UploadUrl generateUploadUrl(Schema schema, ObjectOwner owner) {
		requireOpen();
		String key = ObjectKey.random(null, owner);
		URI upload = this.urls.sign("PUT", key, EXPIRY);
		URI download = this.urls.sign("GET", key, EXPIRY);
		return new UploadUrl(upload, download, SignedUrls.expiry(download));
	}

	@Override
	public boolean admits(URI url, ObjectOwner owner) {
		return this.urls.admits(url, owner);
	}

	@Override
	public boolean isOwn(URI url) {
		return this.urls.key("GET", url) != null;
	}

	@Override
	public @Nullable Instant expiresAt(URI url) {
		return isOwn(url) ? SignedUrls.expiry(url) : null;
	}

	@Override
	public boolean signsAgain() {
		return true;
	}

	@Override
	public @Nullable String renewableKey(URI url) {
		return this.urls.key("GET", url);
	}

	@Override
	public URI signAgain(String key) {
		requireOpen();
		if (this.objects.get(key) == null) {
			throw new ObjectGoneException();
		}
		return this.urls.sign("GET", key, EXPIRY);
	}

	@Override
	public void verifyReachable() {
		requireOpen();
	}

	private void requireOpen() {
		if (this.server.isClosed()) {
			throw new StorageUnavailableException("The in-memory storage is closed", 0, null);
		}
	}

	@Override
	public String describe() {
		return "the memory of the test";
	}

	@Override
	public String name() {
		return "memory";
	}

	/**
	 * Stop serving. Idempotent.
	 */
	@Override
	public void close() {
		this.server.close();
		reset();
	}

	/**
	 * Keep an object that is none of the application.
	 * @param stream its bytes
	 * @return a URL that serves it
	 */
	URI plant(byte[] stream) {
		requireOpen();
		String key = ObjectKey.random(null, ObjectOwner.nobody());
		this.objects.plant(new RecordedUpload(key, stream, null));
		return this.urls.signUpload(key, EXPIRY);
	}

	RecordedObjects objects() {
		return this.objects;
	}

	PlannedFailures failures() {
		return this.failures;
	}

	SignedUrls urls() {
		return this.urls;
	}

	List<String> contents() {
		return this.objects.keys();
	}

}
