package dev.vgi.external.storage.local;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.ReentrantLock;

import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.transport.ExplainedException;
import dev.vgi.external.upload.Payload;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The files of a local store. Objects appear only when they are complete and never
 * change, and are never removed while their URLs work. Thread-safe.
 */
final class ObjectFolder {

	private static final Duration WARN_INTERVAL = Duration.ofMinutes(1);

	private static final Log logger = LogFactory.getLog(ObjectFolder.class);

	/** How often a full store looks for objects whose URLs have expired. */
	private static final Duration LOOK_INTERVAL = Duration.ofSeconds(1);

	/** Everybody waits for a look, which takes long if there are many objects. */
	private static final int PAUSE_PER_LOOK = 20;

	private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

	private final StoreDirectory directory;

	private final ObjectFiles files;

	private final LocalStorageSettings settings;

	private final Clock clock;

	/** Guards the room and every change to the set of objects. */
	private final ReentrantLock lock = new ReentrantLock();

	private final Room room;

	private volatile long storedBytes;

	private volatile long refusedObjects;

	private Instant nextWarning;

	private Instant nextLook;

	/**
	 * Create a view of a folder; sweeps once.
	 * @param directory the folder, which exists
	 * @param settings size limits and retention
	 * @param clock decides on the age of objects
	 * @throws IOException if the folder cannot be read
	 */
	ObjectFolder(StoreDirectory directory, LocalStorageSettings settings, Clock clock) throws IOException {
		this.directory = directory;
		this.files = new ObjectFiles(directory);
		this.settings = settings;
		this.clock = clock;
		this.room = new Room(settings.maxTotalSize());
		this.nextWarning = clock.instant();
		this.nextLook = clock.instant();
		sweep();
	}

	/**
	 * Open an object.
	 * @param id its 32 hex digits
	 * @return the object, which the caller closes; or {@code null} if there is none
	 * @throws IOException if it cannot be read
	 */
	@Nullable StoredObject open(String id) throws IOException {
		return this.files.open(id);
	}

	/**
	 * Keep an object for the whole retention from now on.
	 * @param id its 32 hex digits
	 * @return {@code false} if there is no such object
	 * @throws IOException if the folder fails
	 */
	boolean keep(String id) throws IOException {
		// Not while objects are removed: one that is kept is not among those.
		this.lock.lock();
		try {
			return this.files.touch(id, this.clock.instant());
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Store an object. A result reserves the room it may need before it is written, if
	 * that is known. The length that an upload announces is not trusted: there has to be
	 * room for it, but room is reserved only for bytes that have arrived.
	 * @param id its 32 hex digits
	 * @param coding a supported coding, or the empty string
	 * @param maxLength how many bytes the writer will write at most, or
	 * {@link Payload#UNKNOWN_LENGTH} for a result
	 * @param writer writes them; not called if it is already known that nothing will be
	 * stored
	 * @return whether it was stored; {@code false} if an object with this id exists
	 * @throws FullException if there is no room even without the objects whose URLs have
	 * expired
	 * @throws IOException if the folder fails; nothing remains stored
	 */
	boolean store(String id, String coding, long maxLength, Writer writer) throws IOException {
		String uploader = ObjectFile.uploader(id);
		if (uploader != null && this.files.isStored(id)) {
			return false;
		}
		Arrival arrival = new Arrival(uploader);
		Path temporary = this.directory.temporary();
		try {
			if (uploader != null) {
				requireRoom(uploader, maxLength);
			}
			boolean grows = uploader != null || maxLength == Payload.UNKNOWN_LENGTH;
			arrival.grow(grows ? 0 : maxLength);
			long length;
			try (FileChannel channel = this.directory.open(temporary)) {
				writer.writeTo(grows ? arrival.counting(channel) : channel);
				length = channel.size();
			}
			if (length > maxLength) {
				throw new ExplainedException("there were " + length + " bytes instead of at most " + maxLength);
			}
			// The age is measured by the same clock as the expiry.
			Files.setLastModifiedTime(temporary, FileTime.from(this.clock.instant()));
			return publish(temporary, id, coding, length, arrival);
		}
		finally {
			arrival.end();
			Files.deleteIfExists(temporary);
		}
	}

	private void requireRoom(@Nullable String uploader, long bytes) throws IOException {
		this.lock.lock();
		try {
			if (this.room.refusal(uploader, bytes) != null && !this.clock.instant().isBefore(this.nextLook)) {
				look();
			}
			String refusal = this.room.refusal(uploader, bytes);
			if (refusal != null) {
				this.refusedObjects++;
				FullException full = new FullException("The local store has no room left: "
						+ "'vgi.external.local.max-total-size' is " + this.settings.maxTotalSize() + " bytes, "
						+ refusal + ". Objects stay until their links end");
				warn(full);
				throw full;
			}
		}
		finally {
			this.lock.unlock();
		}
	}

	// However often somebody asks for room, and however many objects there are.
	private void look() throws IOException {
		Instant start = this.clock.instant();
		this.nextLook = start.plus(LOOK_INTERVAL);
		remove(this.settings.urlExpiry(), this.settings.uploadUrlExpiry());
		Instant end = this.clock.instant();
		Duration pause = Duration.between(start, end).multipliedBy(PAUSE_PER_LOOK);
		if (pause.compareTo(LONGEST_PAUSE) > 0) {
			pause = LONGEST_PAUSE;
		}
		this.nextLook = end.plus((pause.compareTo(LOOK_INTERVAL) > 0) ? pause : LOOK_INTERVAL);
	}

	private void warn(FullException full) {
		Instant now = this.clock.instant();
		if (!now.isBefore(this.nextWarning)) {
			this.nextWarning = now.plus(WARN_INTERVAL);
			logger.warn(full.getMessage() + ". Raise 'vgi.external.local.max-total-size' or lower "
					+ "'vgi.external.local.url-expiry'");
		}
	}

	long storedBytes() {
		return this.storedBytes;
	}

	long refusedObjects() {
		return this.refusedObjects;
	}

	private boolean publish(Path temporary, String id, String coding, long length, Arrival arrival) throws IOException {
		// Results have unique ids. An upload has to be the first one, also among the
		// processes that share the folder, and whatever its coding.
		String uploader = ObjectFile.uploader(id);
		Path claim = this.directory.temporary(id);
		this.lock.lock();
		try {
			if (uploader != null) {
				this.directory.open(claim).close();
			}
			try {
				if (uploader != null && this.files.isStored(id)) {
					return false;
				}
				Files.move(temporary, this.directory.resolve(id + ObjectFile.SUFFIXES.get(coding)),
						StandardCopyOption.ATOMIC_MOVE);
				arrival.end();
				this.room.stored(uploader, this.room.footprint(length));
				this.storedBytes += length;
				return true;
			}
			finally {
				Files.deleteIfExists(claim);
			}
		}
		catch (FileAlreadyExistsException ex) {
			return false;
		}
		finally {
			this.lock.unlock();
		}
	}

	/**
	 * Delete what is due: objects older than the retention, and files of uploads that
	 * have not grown for that time. Corrects the known size of the folder.
	 * @return how many files were deleted
	 * @throws IOException if the folder cannot be read
	 */
	int sweep() throws IOException {
		return remove(this.settings.retention(), this.settings.retention());
	}

	private int remove(Duration ageOfResults, Duration ageOfUploads) throws IOException {
		Instant now = this.clock.instant();
		int deleted = 0;
		long bytes = 0;
		Room.Usage kept = new Room.Usage();
		this.lock.lock();
		try (DirectoryStream<Path> files = Files.newDirectoryStream(this.directory.path())) {
			for (Path file : files) {
				String id = ObjectFile.id(file.getFileName().toString());
				BasicFileAttributes attributes = (id != null || isTemporary(file)) ? ObjectFiles.attributes(file)
						: null;
				if (attributes == null) {
					continue;
				}
				String uploader = (id != null) ? ObjectFile.uploader(id) : null;
				Duration age = this.settings.retention();
				if (id != null) {
					age = (uploader != null) ? ageOfUploads : ageOfResults;
				}
				if (!attributes.lastModifiedTime().toInstant().isAfter(now.minus(age))) {
					Files.deleteIfExists(file);
					deleted++;
				}
				else if (id != null) {
					bytes += attributes.size();
					kept.add(uploader, this.room.footprint(attributes.size()));
				}
			}
			this.room.recounted(kept);
			this.storedBytes = bytes;
		}
		finally {
			this.lock.unlock();
		}
		return deleted;
	}

	private static boolean isTemporary(Path file) {
		String name = file.getFileName().toString();
		return name.startsWith(StoreDirectory.TEMPORARY_PREFIX) && name.endsWith(StoreDirectory.TEMPORARY_SUFFIX);
	}

	/**
	 * Check the folder.
	 * @return why it cannot be used, or {@code null} if it can
	 */
	@Nullable String problem() {
		Path path = this.directory.path();
		if (!Files.exists(path)) {
			return "is gone";
		}
		if (!Files.isDirectory(path)) {
			return "is no folder";
		}
		return Files.isWritable(path) ? null : "cannot be written to";
	}

	/**
	 * The room that an object uses while it arrives.
	 */
	private final class Arrival {

		private final @Nullable String uploader;

		private long length;

		private long taken;

		Arrival(@Nullable String uploader) {
			this.uploader = uploader;
		}

		void grow(long bytes) throws IOException {
			ObjectFolder.this.lock.lock();
			try {
				this.length += bytes;
				long more = ObjectFolder.this.room.footprint(this.length) - this.taken;
				requireRoom(this.uploader, more);
				ObjectFolder.this.room.arrived(this.uploader, more);
				this.taken += more;
			}
			finally {
				ObjectFolder.this.lock.unlock();
			}
		}

		void end() {
			ObjectFolder.this.lock.lock();
			try {
				ObjectFolder.this.room.arrived(this.uploader, -this.taken);
				this.taken = 0;
			}
			finally {
				ObjectFolder.this.lock.unlock();
			}
		}

		WritableByteChannel counting(FileChannel channel) {
			return new WritableByteChannel() {

				@Override
				public int write(ByteBuffer bytes) throws IOException {
					grow(bytes.remaining());
					int written = 0;
					while (bytes.hasRemaining()) {
						written += channel.write(bytes);
					}
					return written;
				}

				@Override
				public boolean isOpen() {
					return channel.isOpen();
				}

				@Override
				public void close() throws IOException {
					channel.close();
				}

			};
		}

	}

	/**
	 * Writes the bytes of an object.
	 */
	@FunctionalInterface
	interface Writer {

		void writeTo(WritableByteChannel channel) throws IOException;

	}

	/**
	 * The folder is full. The message may be shown to the caller.
	 */
	static final class FullException extends IOException {

		FullException(String message) {
			super(message);
		}

	}

}
