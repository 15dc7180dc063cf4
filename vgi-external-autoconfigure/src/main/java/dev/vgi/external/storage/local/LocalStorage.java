package dev.vgi.external.storage.local;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.storage.BoundStorage;
import dev.vgi.external.storage.ObjectGoneException;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.local.LocalAccessException.Reason;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlRejectedException;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.util.Assert;

/**
 * A folder of this machine as storage. The service itself serves the objects below
 * {@link #PATH}: it calls {@link #read} for GET and HEAD and {@link #receive} for PUT,
 * and answers a {@link LocalAccessException} with the status of its reason.
 * <p>
 * URLs are signed with a key that is generated once per folder and kept in it, so they
 * survive a restart and work in every process that shares the folder. Each URL is bound
 * to one object and one method and expires. The host is not signed: behind a proxy it may
 * differ from one request to the next.
 * <p>
 * An object appears only when it is complete and never changes afterwards: of several
 * PUTs to a URL the first complete one succeeds and all others are refused. An object's
 * id is therefore also its strong entity tag. Files are not forced to disk: they are not
 * needed much longer than the process that waits for them.
 * <p>
 * An object is never removed while its URLs work. Uploads may take half of the room and
 * those of one caller a quarter. The caller is the one who requested the upload URL. The
 * object's id contains a pseudonym of this caller, which the sender of the PUT cannot
 * change.
 * <p>
 * Thread-safe.
 */
public final class LocalStorage implements BoundStorage {

	/**
	 * Path below the base URL, without a final slash, under which {@code {key}} is
	 * served. Clients may also fetch from it on the service that they call.
	 */
	public static final String PATH = "/_vgi/objects";

	/** Query parameter with the expiry of a URL, in seconds of the epoch. */
	public static final String EXPIRES_PARAMETER = "expires";

	/**
	 * Query parameter with the signature. Other software redacts parameters of this name,
	 * including tracing agents, which look for exactly this spelling.
	 */
	public static final String SIGNATURE_PARAMETER = "Signature";

	private final LocalStorageSettings settings;

	private final Supplier<String> caller;

	private final Clock clock;

	private final SecureRandom random = new SecureRandom();

	private final StoreDirectory directory;

	private final UrlSigner signer;

	private final LocalUrls urls;

	private final ObjectFolder folder;

	/**
	 * Create a storage that treats all upload URLs as those of one caller; otherwise like
	 * the other constructor.
	 * @param settings the folder and its limits
	 * @param baseUrl supplies the absolute URL under which callers reach this service
	 * @param clock decides on expiry, age and pace
	 */
	public LocalStorage(LocalStorageSettings settings, Supplier<@Nullable URI> baseUrl, Clock clock) {
		this(settings, baseUrl, () -> "", clock);
	}

	/**
	 * Create a storage. Creates the folder and its signing key if they are missing, and
	 * sweeps once. If they are removed later, the next upload or sweep creates them
	 * again.
	 * @param settings the folder and its limits
	 * @param baseUrl supplies the absolute URL under which callers reach this service,
	 * context path included, with or without a final slash; called for every URL, in the
	 * thread of the request
	 * @param caller supplies the name of the caller who requests an upload URL, in the
	 * thread of the request; the callers share the room for uploads
	 * @param clock decides on expiry, age and pace
	 * @throws UnsafeFolderException if other users of the machine could have prepared the
	 * folder, may write to it or may read the key
	 * @throws StorageUnavailableException if the folder cannot be used; the message names
	 * the configuration key
	 */
	public LocalStorage(LocalStorageSettings settings, Supplier<@Nullable URI> baseUrl, Supplier<String> caller,
			Clock clock) {
		Assert.notNull(settings, "'settings' must not be null");
		Assert.notNull(baseUrl, "'baseUrl' must not be null");
		Assert.notNull(caller, "'caller' must not be null");
		Assert.notNull(clock, "'clock' must not be null");
		this.settings = settings;
		this.caller = caller;
		this.clock = clock;
		try {
			this.directory = StoreDirectory.of(settings.directory(), settings.ofOneUser());
			this.signer = UrlSigner.of(this.directory, this.random);
			this.urls = new LocalUrls(this.signer, baseUrl, clock);
			this.folder = new ObjectFolder(this.directory, settings, clock);
		}
		catch (IOException ex) {
			throw new StorageUnavailableException("The folder " + settings.directory()
					+ " of 'vgi.external.local.directory' cannot be used: " + FailureReason.of(ex), 0, ex);
		}
	}

	@Override
	public URI upload(Payload payload, Schema schema, @Nullable String contentCoding, ObjectOwner owner) {
		String coding;
		try {
			coding = ObjectFile.coding(contentCoding);
		}
		catch (CorruptStreamException ex) {
			throw new UploadRefusedException("The local store keeps objects coded with zstd, gzip or not at all", null);
		}
		String id = newId(null);
		URI base = this.urls.base();
		AtomicLong expires = new AtomicLong();
		try {
			this.signer.restore(this.directory);
			this.folder.store(id, coding, payload.maxLength(), (file) -> {
				payload.writeTo(file);
				// However long the payload took to be produced, but before its age
				// begins.
				expires.set(this.urls.expires(this.settings.urlExpiry()));
			});
		}
		catch (ObjectFolder.FullException ex) {
			throw new UploadRefusedException(String.valueOf(ex.getMessage()), null);
		}
		catch (IOException ex) {
			if (Thread.currentThread().isInterrupted()) {
				throw new TransferCancelledException("Interrupted during an upload");
			}
			throw new StorageUnavailableException(failure("write an object", ex), 0, ex);
		}
		return this.urls.sign(base, LocalUrls.GET, ObjectKey.of(id, coding, owner), expires.get());
	}

	@Override
	public boolean takesUnknownLength() {
		return true;
	}

	@Override
	public UploadUrl generateUploadUrl(Schema schema, ObjectOwner owner) {
		URI base = this.urls.base();
		String key = ObjectKey.of(newId(this.signer.pseudonym(this.caller.get())), null, owner);
		long expires = this.urls.expires(this.settings.uploadUrlExpiry());
		return new UploadUrl(this.urls.sign(base, LocalUrls.PUT, key, expires),
				this.urls.sign(base, LocalUrls.GET, key, expires), Instant.ofEpochSecond(expires));
	}

	@Override
	public boolean admits(URI url, ObjectOwner owner) {
		return this.urls.admits(url, owner);
	}

	/**
	 * Return whether this storage signed a download URL, expired or not. The host is
	 * ignored: {@link #open} does not contact it.
	 * @param url an absolute URL from anywhere
	 * @return whether its signature is valid
	 */
	@Override
	public boolean isOwn(URI url) {
		return this.urls.ownKey(url) != null;
	}

	@Override
	public @Nullable Instant expiresAt(URI url) {
		SignedKey signed = SignedKey.of(url);
		return (signed != null) ? Instant.ofEpochSecond(signed.expires()) : null;
	}

	@Override
	public boolean signsAgain() {
		return true;
	}

	@Override
	public @Nullable String renewableKey(URI url) {
		return this.urls.ownKey(url);
	}

	/**
	 * Sign a new download URL, and keep the object for the whole retention from now on.
	 */
	@Override
	public URI signAgain(String key) {
		String id = ObjectKey.matches(key) ? ObjectKey.id(key) : null;
		// A full store removes uploads earlier than results.
		long expires = this.urls.expires((id != null && ObjectFile.uploader(id) != null)
				? this.settings.uploadUrlExpiry() : this.settings.urlExpiry());
		try {
			if (id == null || !this.folder.keep(id)) {
				throw new ObjectGoneException();
			}
		}
		catch (IOException ex) {
			throw new StorageUnavailableException(failure("look at an object", ex), 0, ex);
		}
		return this.urls.sign(this.urls.base(), LocalUrls.GET, key, expires);
	}

	@Override
	public StoredObject open(URI url) {
		SignedKey signed = SignedKey.of(url);
		if (signed == null) {
			throw new UrlRejectedException(url, "it is not a URL of the local store");
		}
		try {
			return read(signed.key(), Long.toString(signed.expires()), signed.signature());
		}
		catch (LocalAccessException ex) {
			throw ex.ofFetch(url);
		}
	}

	/**
	 * Check a GET or HEAD request and open its object.
	 * @param key last segment of the path, decoded, from anywhere
	 * @param expires the parameter {@value #EXPIRES_PARAMETER}, or {@code null}
	 * @param signature the parameter {@value #SIGNATURE_PARAMETER}, or {@code null}
	 * @return the object, which the caller closes
	 * @throws LocalAccessException with {@link Reason#BAD_SIGNATURE},
	 * {@link Reason#EXPIRED} or {@link Reason#NOT_FOUND}
	 * @throws StorageUnavailableException if the folder fails
	 */
	public StoredObject read(String key, @Nullable String expires, @Nullable String signature) {
		String id = this.urls.check(LocalUrls.GET, key, expires, signature);
		StoredObject object;
		try {
			object = this.folder.open(id);
		}
		catch (IOException ex) {
			throw new StorageUnavailableException(failure("read an object", ex), 0, ex);
		}
		if (object == null) {
			throw new LocalAccessException(Reason.NOT_FOUND, "There is no such object, or no longer", null);
		}
		return object;
	}

	/**
	 * Check a PUT request and store its body. The size limit and the room in the folder
	 * are checked before the first byte is read.
	 * @param key last segment of the path, decoded, from anywhere
	 * @param expires the parameter {@value #EXPIRES_PARAMETER}, or {@code null}
	 * @param signature the parameter {@value #SIGNATURE_PARAMETER}, or {@code null}
	 * @param body the body as received, still coded; read to its end, not closed
	 * @param contentLength bytes according to {@code Content-Length}, or -1 if it is
	 * missing
	 * @param contentEncoding value of {@code Content-Encoding}, or {@code null}
	 * @return the object's strong entity tag, in quotes
	 * @throws LocalAccessException with any reason except {@link Reason#NOT_FOUND};
	 * nothing is stored
	 * @throws StorageUnavailableException if the folder fails; nothing is stored
	 */
	public String receive(String key, @Nullable String expires, @Nullable String signature, InputStream body,
			long contentLength, @Nullable String contentEncoding) {
		String id = this.urls.check(LocalUrls.PUT, key, expires, signature);
		if (contentLength < 0) {
			throw new LocalAccessException(Reason.LENGTH_REQUIRED, "An upload needs a Content-Length", null);
		}
		long limit = this.settings.maxUploadSize();
		if (contentLength > limit) {
			throw new LocalAccessException(Reason.TOO_LARGE,
					"The upload is larger than the " + limit + " bytes of 'vgi.external.upload-url.max-upload-size'",
					null);
		}
		String coding;
		try {
			coding = ObjectFile.coding(contentEncoding);
		}
		catch (CorruptStreamException ex) {
			throw new LocalAccessException(Reason.UNSUPPORTED_CODING, String.valueOf(ex.getMessage()), null);
		}
		try {
			this.signer.restore(this.directory);
			if (!this.folder.store(id, coding, contentLength,
					(file) -> new UploadBody(body, contentLength, this.clock).copyTo(file))) {
				throw new LocalAccessException(Reason.ALREADY_STORED, "The object is there already", null);
			}
			return '"' + id + '"';
		}
		catch (ObjectFolder.FullException ex) {
			throw new LocalAccessException(Reason.FULL, String.valueOf(ex.getMessage()), null);
		}
		catch (IOException ex) {
			throw new StorageUnavailableException(failure("write an object", ex), 0, ex);
		}
	}

	/**
	 * Delete objects older than the retention, and leftovers of abandoned uploads. Call
	 * it regularly, for example every minute.
	 * @return how many files were deleted
	 * @throws StorageUnavailableException if the folder fails
	 */
	public int sweep() {
		try {
			this.signer.restore(this.directory);
			return this.folder.sweep();
		}
		catch (IOException ex) {
			throw new StorageUnavailableException(failure("be swept", ex), 0, ex);
		}
	}

	@Override
	public void verifyReachable() {
		String problem = this.folder.problem();
		if (problem != null) {
			throw new StorageUnavailableException("The folder of 'vgi.external.local.directory' " + problem, 0, null);
		}
	}

	@Override
	public String describe() {
		return "the folder " + this.directory.path();
	}

	@Override
	public String name() {
		return "local";
	}

	/**
	 * Return how large a single upload may be at most, if nothing else is stored.
	 * @return bytes
	 */
	public long largestUpload() {
		return Math.min(this.settings.maxUploadSize(), Room.ofOneCaller(this.settings.maxTotalSize()));
	}

	/**
	 * Return the size of the folder.
	 * @return bytes of all stored objects, as far as this process knows
	 */
	public long storedBytes() {
		return this.folder.storedBytes();
	}

	/**
	 * Return how many objects, results or uploads, were refused because the folder was
	 * full.
	 * @return the number since the application started
	 */
	public long refusedObjects() {
		return this.folder.refusedObjects();
	}

	private String newId(@Nullable String uploader) {
		byte[] id = new byte[12];
		this.random.nextBytes(id);
		return ObjectFile.newId(uploader, HexFormat.of().formatHex(id));
	}

	private static String failure(String what, IOException ex) {
		return "The local store cannot " + what + " in the folder of 'vgi.external.local.directory': "
				+ FailureReason.of(ex);
	}

}
