package dev.vgi.external.storage.local;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.storage.StoredObject;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The files of a local store. An object's file is named by its id and its content coding,
 * so that both survive a restart without a second file. Objects appear whole or not at
 * all and never change. Thread-safe.
 */
final class ObjectFolder {

	/** Suffix of the file by content coding; no coding is the empty name. */
	private static final Map<String, String> SUFFIXES = Map.of("", ".arrow", "zstd", ".arrow.zst", "gzip", ".arrow.gz");

	private static final Pattern OBJECT = Pattern.compile("([0-9a-f]{32})\\.arrow(?:\\.zst|\\.gz)?");

	private static final Duration WARN_INTERVAL = Duration.ofMinutes(1);

	private static final Log logger = LogFactory.getLog(ObjectFolder.class);

	private final StoreDirectory directory;

	private final LocalStorageSettings settings;

	private final Clock clock;

	/** Guards the sizes, the count and every change of which objects there are. */
	private final ReentrantLock lock = new ReentrantLock();

	private volatile long storedBytes;

	private long incomingBytes;

	private volatile long displacedObjects;

	private Instant nextWarning;

	/**
	 * Create a folder's view; sweeps once.
	 * @param directory the folder, which exists
	 * @param settings how much it keeps for how long
	 * @param clock decides on the age of objects
	 * @throws IOException if the folder cannot be read
	 */
	ObjectFolder(StoreDirectory directory, LocalStorageSettings settings, Clock clock) throws IOException {
		this.directory = directory;
		this.settings = settings;
		this.clock = clock;
		this.nextWarning = clock.instant();
		sweep();
	}

	/**
	 * Return whether objects can be kept with a content coding.
	 * @param coding the coding, or the empty string for none
	 * @return whether {@link #store} accepts it
	 */
	static boolean supports(String coding) {
		return SUFFIXES.containsKey(coding);
	}

	/**
	 * Open an object.
	 * @param id its 32 hex digits
	 * @return the object, which the caller closes; or {@code null} if there is none
	 * @throws IOException if it cannot be read
	 */
	@Nullable StoredObject open(String id) throws IOException {
		for (Map.Entry<String, String> suffix : SUFFIXES.entrySet()) {
			try {
				FileChannel channel = FileChannel.open(this.directory.resolve(id + suffix.getValue()),
						StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
				try {
					String coding = suffix.getKey().isEmpty() ? null : suffix.getKey();
					// The id alone tells the bytes: they are never replaced.
					return new StoredObject(channel, channel.size(), coding, '"' + id + '"');
				}
				catch (IOException ex) {
					channel.close();
					throw ex;
				}
			}
			catch (NoSuchFileException ex) {
				// Not with this coding.
			}
		}
		return null;
	}

	/**
	 * Store an object. A repetition with the same bytes and coding counts as stored.
	 * @param id its 32 hex digits
	 * @param coding a supported coding, or the empty string
	 * @param maxLength how many bytes the writer will write at most
	 * @param writer writes them
	 * @return whether it is stored; {@code false} if there is another object of this id
	 * @throws FullException if there is no room even without the objects that are due or
	 * may make room
	 * @throws IOException if the folder fails; nothing is left behind
	 */
	boolean store(String id, String coding, long maxLength, Writer writer) throws IOException {
		reserve(maxLength);
		Path temporary = this.directory.temporary();
		try {
			long length;
			try (FileChannel channel = this.directory.open(temporary)) {
				writer.writeTo(channel);
				length = channel.size();
			}
			if (length > maxLength) {
				throw new IOException("Wrote " + length + " bytes instead of at most " + maxLength);
			}
			return publish(temporary, id, coding, length);
		}
		finally {
			release(maxLength);
			Files.deleteIfExists(temporary);
		}
	}

	private void reserve(long length) throws IOException {
		this.lock.lock();
		try {
			if (!hasRoom(length)) {
				sweep();
			}
			if (!hasRoom(length)) {
				makeRoom(length);
			}
			this.incomingBytes += length;
		}
		finally {
			this.lock.unlock();
		}
	}

	private boolean hasRoom(long length) {
		return missingRoom(length) <= 0;
	}

	private long missingRoom(long length) {
		return length - (this.settings.maxTotalSize() - this.storedBytes - this.incomingBytes);
	}

	// What was stored long ago has most likely been fetched, and a service that stores
	// nothing more helps nobody.
	private void makeRoom(long length) throws IOException {
		long missing = missingRoom(length);
		List<ObjectFile> displaced = new ArrayList<>();
		for (ObjectFile file : displaceable()) {
			if (missing > 0) {
				displaced.add(file);
				missing -= file.length();
			}
		}
		if (missing > 0) {
			throw new FullException();
		}
		for (ObjectFile file : displaced) {
			Files.deleteIfExists(file.path());
			this.storedBytes -= file.length();
			this.displacedObjects++;
		}
		warn(displaced.size());
	}

	private List<ObjectFile> displaceable() throws IOException {
		Instant due = this.clock.instant().minus(this.settings.minRetention());
		List<ObjectFile> files = new ArrayList<>();
		try (DirectoryStream<Path> objects = Files.newDirectoryStream(this.directory.path(), ObjectFolder::isObject)) {
			for (Path path : objects) {
				BasicFileAttributes attributes = attributes(path);
				if (attributes != null && !attributes.lastModifiedTime().toInstant().isAfter(due)) {
					files.add(new ObjectFile(path, attributes.size(), attributes.lastModifiedTime()));
				}
			}
		}
		files.sort(Comparator.comparing(ObjectFile::stored));
		return files;
	}

	private void warn(int displaced) {
		Instant now = this.clock.instant();
		if (!now.isBefore(this.nextWarning)) {
			this.nextWarning = now.plus(WARN_INTERVAL);
			logger.warn("The local store is full: removed its oldest objects (" + displaced
					+ ") although their links still work. Raise 'vgi.external.local.max-total-size' or lower "
					+ "'vgi.external.local.url-expiry'");
		}
	}

	long storedBytes() {
		return this.storedBytes;
	}

	long displacedObjects() {
		return this.displacedObjects;
	}

	private void release(long length) {
		this.lock.lock();
		try {
			this.incomingBytes -= length;
		}
		finally {
			this.lock.unlock();
		}
	}

	private boolean publish(Path temporary, String id, String coding, long length) throws IOException {
		// The clock that made the expiry also decides the age.
		Files.setLastModifiedTime(temporary, FileTime.from(this.clock.instant()));
		Path target = this.directory.resolve(id + SUFFIXES.get(coding));
		Path existing = moveUnlessStored(temporary, id, target, length);
		// Without the lock, since it may take a while: objects never change.
		return existing == null || (existing.equals(target) && Files.mismatch(existing, temporary) == -1);
	}

	private @Nullable Path moveUnlessStored(Path temporary, String id, Path target, long length) throws IOException {
		this.lock.lock();
		try {
			for (String suffix : SUFFIXES.values()) {
				Path existing = this.directory.resolve(id + suffix);
				if (Files.exists(existing)) {
					return existing;
				}
			}
			Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
			this.storedBytes += length;
			return null;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Delete what is due: objects older than the retention, and files of uploads that
	 * have not grown for as long. Corrects the known size of the folder.
	 * @return how many files were deleted
	 * @throws IOException if the folder cannot be read
	 */
	int sweep() throws IOException {
		Instant due = this.clock.instant().minus(this.settings.retention());
		int deleted = 0;
		long kept = 0;
		this.lock.lock();
		try (DirectoryStream<Path> files = Files.newDirectoryStream(this.directory.path())) {
			for (Path file : files) {
				boolean object = isObject(file);
				if (!object && !isTemporary(file)) {
					continue;
				}
				BasicFileAttributes attributes = attributes(file);
				if (attributes == null) {
					continue;
				}
				if (attributes.lastModifiedTime().toInstant().isBefore(due)) {
					Files.deleteIfExists(file);
					deleted++;
				}
				else if (object) {
					kept += attributes.size();
				}
			}
			this.storedBytes = kept;
		}
		finally {
			this.lock.unlock();
		}
		return deleted;
	}

	private static boolean isObject(Path file) {
		return OBJECT.matcher(file.getFileName().toString()).matches();
	}

	private static boolean isTemporary(Path file) {
		String name = file.getFileName().toString();
		return name.startsWith(StoreDirectory.TEMPORARY_PREFIX) && name.endsWith(StoreDirectory.TEMPORARY_SUFFIX);
	}

	private static @Nullable BasicFileAttributes attributes(Path file) throws IOException {
		try {
			return Files.readAttributes(file, BasicFileAttributes.class);
		}
		catch (NoSuchFileException ex) {
			// Published or deleted in the meantime.
			return null;
		}
	}

	/**
	 * Return the id in a key.
	 * @param key 32 hex digits and {@code .arrow} or {@code .arrow.zst}
	 * @return the 32 hex digits, or {@code null} if it is no key
	 */
	static @Nullable String id(String key) {
		Matcher matcher = OBJECT.matcher(key);
		return matcher.matches() ? matcher.group(1) : null;
	}

	boolean isWritable() {
		return Files.isDirectory(this.directory.path()) && Files.isWritable(this.directory.path());
	}

	/**
	 * The file of an object.
	 *
	 * @param path where it is
	 * @param length bytes
	 * @param stored when it was stored
	 */
	private record ObjectFile(Path path, long length, FileTime stored) {

	}

	/**
	 * Writes the bytes of an object.
	 */
	@FunctionalInterface
	interface Writer {

		void writeTo(FileChannel channel) throws IOException;

	}

	/**
	 * The folder has no room left.
	 */
	static final class FullException extends IOException {

	}

}
