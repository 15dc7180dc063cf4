package dev.vgi.external.storage.local;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Map;

import dev.vgi.external.storage.StoredObject;
import org.jspecify.annotations.Nullable;

/**
 * Finds the files of objects, whatever their codings. Thread-safe.
 */
final class ObjectFiles {

	private final StoreDirectory directory;

	ObjectFiles(StoreDirectory directory) {
		this.directory = directory;
	}

	/**
	 * Open an object.
	 * @param id its 32 hex digits
	 * @return the object, which the caller closes; or {@code null} if there is none
	 * @throws IOException if it cannot be read
	 */
	@Nullable StoredObject open(String id) throws IOException {
		for (Map.Entry<String, String> suffix : ObjectFile.SUFFIXES.entrySet()) {
			try {
				FileChannel channel = FileChannel.open(this.directory.resolve(id + suffix.getValue()),
						StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
				try {
					String coding = suffix.getKey().isEmpty() ? null : suffix.getKey();
					// The id alone identifies the bytes, since they are never replaced.
					return new StoredObject(channel, channel.size(), coding, '"' + id + '"');
				}
				catch (IOException ex) {
					channel.close();
					throw ex;
				}
			}
			catch (NoSuchFileException ex) {
				// No file with this coding.
			}
		}
		return null;
	}

	/**
	 * Return whether there is an object.
	 * @param id its 32 hex digits
	 * @return whether there is, in any coding
	 */
	boolean isStored(String id) {
		return ObjectFile.SUFFIXES.values()
			.stream()
			.anyMatch((suffix) -> Files.exists(this.directory.resolve(id + suffix), LinkOption.NOFOLLOW_LINKS));
	}

	/**
	 * Let an object's age begin anew. The time of its file is all there is to it, so a
	 * restart and other processes know it too.
	 * @param id its 32 hex digits
	 * @param now when its age begins; an age that begins later stays
	 * @return {@code false} if there is no such object
	 * @throws IOException if the folder fails
	 */
	boolean touch(String id, Instant now) throws IOException {
		for (String suffix : ObjectFile.SUFFIXES.values()) {
			BasicFileAttributeView view = Files.getFileAttributeView(this.directory.resolve(id + suffix),
					BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
			try {
				BasicFileAttributes attributes = view.readAttributes();
				if (attributes.isRegularFile() && attributes.lastModifiedTime().toInstant().isBefore(now)) {
					view.setTimes(FileTime.from(now), null, null);
				}
				return attributes.isRegularFile();
			}
			catch (NoSuchFileException ex) {
				// No file with this coding.
			}
		}
		// JDK 25 reports what is below a file as missing.
		if (!Files.isDirectory(this.directory.path())) {
			throw new NotDirectoryException(this.directory.path().toString());
		}
		return false;
	}

	/**
	 * Read the age and size of a file.
	 * @param file the file
	 * @return its attributes, or {@code null} if it was published or deleted in the
	 * meantime
	 * @throws IOException if it cannot be read
	 */
	static @Nullable BasicFileAttributes attributes(Path file) throws IOException {
		try {
			return Files.readAttributes(file, BasicFileAttributes.class);
		}
		catch (NoSuchFileException ex) {
			return null;
		}
	}

}
