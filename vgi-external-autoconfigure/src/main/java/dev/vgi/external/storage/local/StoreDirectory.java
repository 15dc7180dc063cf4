package dev.vgi.external.storage.local;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Set;
import java.util.UUID;

import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a local store, protected from other users of the machine. Folder and
 * files belong to this user alone from their creation on. A folder that others could have
 * prepared or may write to is refused. If the file system does not support owners and
 * permissions, nothing is set or checked.
 * <p>
 * Thread-safe.
 */
final class StoreDirectory {

	static final String TEMPORARY_PREFIX = ".incoming-";

	static final String TEMPORARY_SUFFIX = ".tmp";

	private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");

	private static final Set<PosixFilePermission> OWNER_ONLY_FOLDER = PosixFilePermissions.fromString("rwx------");

	/** Bit of {@code unix:mode}: only the owner of a file may remove or rename it. */
	private static final int STICKY = 01000;

	private static final Log logger = LogFactory.getLog(StoreDirectory.class);

	private final Path path;

	private final boolean ofOneUser;

	private final boolean posix;

	private volatile @Nullable UserPrincipal user;

	private StoreDirectory(Path path, boolean ofOneUser) {
		this.path = path;
		this.ofOneUser = ofOneUser;
		this.posix = path.getFileSystem().supportedFileAttributeViews().contains("posix");
	}

	/**
	 * Create or check a folder.
	 * @param path the folder; created if it is missing, together with its parents
	 * @param ofOneUser whether it has to be owned by this user, must not be a link and
	 * must not be writable by others; otherwise a group may share it
	 * @return the folder
	 * @throws UnsafeFolderException if others could have prepared it or may write to it
	 * @throws IOException if it cannot be used
	 */
	static StoreDirectory of(Path path, boolean ofOneUser) throws IOException {
		StoreDirectory named = new StoreDirectory(path.toAbsolutePath(), ofOneUser);
		named.make();
		if (ofOneUser) {
			return named;
		}
		// Resolves links once, so that a later change of a link has no effect.
		StoreDirectory directory = new StoreDirectory(path.toRealPath(), false);
		directory.make();
		if (directory.isShared()) {
			logger.info("The folder " + path + " of 'vgi.external.local.directory' is shared: its group may remove and"
					+ " replace stored objects");
		}
		return directory;
	}

	Path path() {
		return this.path;
	}

	Path resolve(String name) {
		return this.path.resolve(name);
	}

	/**
	 * Return a name for an incomplete file.
	 * @return a unique name
	 */
	Path temporary() {
		return temporary(UUID.randomUUID().toString());
	}

	Path temporary(String name) {
		return resolve(TEMPORARY_PREFIX + name + TEMPORARY_SUFFIX);
	}

	/**
	 * Create the folder if it is missing, for example after a cleaner has removed it, and
	 * check it. Cheap if there is nothing to do.
	 * @throws UnsafeFolderException if others could have prepared it or may write to it
	 * @throws IOException if it cannot be used
	 */
	void make() throws IOException {
		if (!Files.exists(this.path, LinkOption.NOFOLLOW_LINKS)) {
			create();
		}
		if (this.ofOneUser && Files.isSymbolicLink(this.path)) {
			throw unsafe("is a link");
		}
		if (!Files.isDirectory(this.path)) {
			throw new NotDirectoryException(this.path.toString());
		}
		if (this.posix) {
			check();
		}
	}

	private void create() throws IOException {
		if (this.path.getParent() != null && !Files.isDirectory(this.path.getParent())) {
			Files.createDirectories(this.path.getParent());
		}
		try {
			Files.createDirectory(this.path, attributes(OWNER_ONLY_FOLDER));
		}
		catch (FileAlreadyExistsException ex) {
			// Another process created it first. It is checked like any other folder.
		}
	}

	private void check() throws IOException {
		PosixFileAttributes attributes = Files.readAttributes(this.path, PosixFileAttributes.class);
		Set<PosixFilePermission> permissions = attributes.permissions();
		if (permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
			throw unsafe("may be written to by every user of this machine");
		}
		if (!this.ofOneUser) {
			return;
		}
		if (permissions.contains(PosixFilePermission.GROUP_WRITE)) {
			throw unsafe("may be written to by its group");
		}
		if (!attributes.owner().equals(user(attributes.owner()))) {
			throw unsafe("belongs to the user " + attributes.owner().getName());
		}
		Path parent = this.path.getParent();
		if (parent != null && isOpen(parent)) {
			throw unsafe("is in a folder in which every user of this machine may remove and replace what others made");
		}
	}

	private static boolean isOpen(Path parent) throws IOException {
		if (!Files.getPosixFilePermissions(parent).contains(PosixFilePermission.OTHERS_WRITE)) {
			return false;
		}
		boolean tellsSticky = parent.getFileSystem().supportedFileAttributeViews().contains("unix");
		return tellsSticky && ((int) Files.getAttribute(parent, "unix:mode") & STICKY) == 0;
	}

	private boolean isShared() throws IOException {
		return this.posix && Files.getPosixFilePermissions(this.path).contains(PosixFilePermission.GROUP_WRITE);
	}

	// Java does not tell the current user, and in a container the user may have no name.
	// A file created here has the current user as its owner.
	private @Nullable UserPrincipal user(UserPrincipal owner) throws IOException {
		UserPrincipal user = this.user;
		if (user == null) {
			Path probe = temporary();
			try {
				open(probe).close();
				user = Files.getOwner(probe);
			}
			catch (AccessDeniedException ex) {
				throw unsafe("belongs to the user " + owner.getName() + " and cannot be written to");
			}
			finally {
				Files.deleteIfExists(probe);
			}
			this.user = user;
		}
		return user;
	}

	/**
	 * Check a file that must be secret.
	 * @param file a file in the folder
	 * @throws UnsafeFolderException if another user owns it or may read it
	 * @throws IOException if its attributes cannot be read
	 */
	void checkSecret(Path file) throws IOException {
		if (!this.posix) {
			return;
		}
		PosixFileAttributes attributes = Files.readAttributes(file, PosixFileAttributes.class,
				LinkOption.NOFOLLOW_LINKS);
		if (!attributes.owner().equals(user(attributes.owner()))) {
			throw unsafeKey(file, "belongs to the user " + attributes.owner().getName());
		}
		Set<PosixFilePermission> others = PosixFilePermissions.fromString(isShared() ? "------rwx" : "---rwxrwx");
		others.retainAll(attributes.permissions());
		// A group that may replace every object learns nothing more from the key, and
		// Kubernetes opens all files of a volume to its group.
		if (!others.isEmpty()) {
			throw unsafeKey(file, "may be read or replaced by other users");
		}
	}

	/**
	 * Create a file for this user only.
	 * @param file the path, which must not exist
	 * @return the open file
	 * @throws IOException if it cannot be created, or exists
	 */
	FileChannel open(Path file) throws IOException {
		return FileChannel.open(file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
				attributes(OWNER_ONLY));
	}

	private FileAttribute<?>[] attributes(Set<PosixFilePermission> permissions) {
		return this.posix ? new FileAttribute<?>[] { PosixFilePermissions.asFileAttribute(permissions) }
				: new FileAttribute<?>[0];
	}

	private UnsafeFolderException unsafe(String problem) {
		return new UnsafeFolderException(this.path, problem,
				"Set 'vgi.external.local.directory' to a folder that only the user of this service may write to. If "
						+ this.path + " was made by this service, it is enough to remove it, or to take away from"
						+ " others the right to write.");
	}

	private static UnsafeFolderException unsafeKey(Path file, String problem) {
		return new UnsafeFolderException(file, problem,
				"Whoever knows this key can forge URLs of stored objects. Delete the file while the service is"
						+ " stopped: the next start makes a new one, and all URLs signed so far end. If nobody can"
						+ " have read it, it is enough to give it to the user of the service alone (mode 0600).");
	}

}
