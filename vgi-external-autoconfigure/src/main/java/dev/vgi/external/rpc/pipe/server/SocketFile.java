package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

import org.apache.arrow.util.AutoCloseables;

/**
 * The file of a Unix socket that is listened on. The file never exists under its path
 * with other permissions than its own: it is made in a folder that nobody else may enter,
 * and moved.
 */
final class SocketFile {

	private static final String KEY = "vgi.rpc.unix.path";

	/** What a socket's address holds in Linux, without the byte that ends it. */
	private static final int MOST_BYTES = 107;

	/** The type within a file's mode, and its value for sockets. */
	private static final int TYPE = 0170000;

	private static final int SOCKET = 0140000;

	private final Path path;

	private final Object identity;

	private final ServerSocketChannel channel;

	private SocketFile(Path path, Object identity, ServerSocketChannel channel) {
		this.path = path;
		this.identity = identity;
		this.channel = channel;
	}

	/**
	 * Listen. The file of a socket on which nobody listens any more is replaced.
	 * @param path the file
	 * @param mode its permissions
	 * @return the listening socket; the caller closes its channel
	 * @throws UnusableSocketException if the path cannot be used
	 */
	static SocketFile listen(Path path, Set<PosixFilePermission> mode) throws UnusableSocketException {
		Path file = path.toAbsolutePath();
		Path folder = file.getParent();
		if (folder == null || !Files.isDirectory(folder)) {
			throw refused("There is no folder for the socket " + file + " of '" + KEY + "'.",
					"Create the folder, or set " + KEY + " to a file in one that exists.");
		}
		if (!file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
			throw refused("The file system of " + file + " of '" + KEY + "' has no POSIX permissions.",
					"Set " + KEY + " to a file whose permissions say who may connect.");
		}
		try {
			requireFree(file);
			return listen(file, folder, mode);
		}
		catch (UnusableSocketException ex) {
			throw ex;
		}
		catch (IOException | UnsupportedOperationException ex) {
			throw new UnusableSocketException("The socket " + file + " of '" + KEY + "' cannot be made: " + ex + ".",
					"Set " + KEY + " to a file in a folder that the user of this service may write to.", ex);
		}
	}

	private static SocketFile listen(Path file, Path folder, Set<PosixFilePermission> mode) throws IOException {
		Path passage = passage(folder);
		Path first = passage.resolve("s");
		ServerSocketChannel channel = null;
		try {
			requireShort(file, file);
			requireShort(first, file);
			channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
			channel.bind(UnixDomainSocketAddress.of(first));
			Files.setPosixFilePermissions(first, mode);
			Object identity = identity(first);
			Files.move(first, file, StandardCopyOption.ATOMIC_MOVE);
			return new SocketFile(file, identity, channel);
		}
		catch (IOException | RuntimeException | Error ex) {
			AutoCloseables.close(ex, channel);
			throw ex;
		}
		finally {
			Files.deleteIfExists(first);
			Files.delete(passage);
		}
	}

	// A short name, since it is part of the address.
	private static Path passage(Path folder) throws IOException {
		while (true) {
			String name = "." + HexFormat.of().toHexDigits((short) ThreadLocalRandom.current().nextInt());
			try {
				return Files.createDirectory(folder.resolve(name),
						PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
			}
			catch (FileAlreadyExistsException ex) {
				// Another name.
			}
		}
	}

	private static void requireShort(Path address, Path file) throws UnusableSocketException {
		int tooMany = address.toString().getBytes(StandardCharsets.UTF_8).length - MOST_BYTES;
		if (tooMany > 0) {
			throw refused(
					"The path " + file + " of '" + KEY + "' is too long for a socket, whose address has "
							+ (MOST_BYTES + 1) + " bytes.",
					"Set " + KEY + " to a path that is " + tooMany + " bytes shorter.");
		}
	}

	private static void requireFree(Path file) throws IOException {
		if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
			return;
		}
		int mode = (int) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS);
		if ((mode & TYPE) != SOCKET) {
			throw refused("The path " + file + " of '" + KEY + "' is taken by something that is no socket.",
					"Remove it, or set " + KEY + " to another path.");
		}
		if (isListenedOn(file)) {
			throw refused("Another process listens on the socket " + file + " of '" + KEY + "'.",
					"Stop it, or set " + KEY + " to another path.");
		}
	}

	private static boolean isListenedOn(Path file) throws IOException {
		try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
			// A blocking one would wait while the queue of the listener is full.
			probe.configureBlocking(false);
			probe.connect(UnixDomainSocketAddress.of(file));
			return true;
		}
		catch (ConnectException ex) {
			return false;
		}
		catch (SocketException ex) {
			// Of another user, or the queue is full.
			throw new UnusableSocketException(
					"Another process may listen on the socket " + file + " of '" + KEY
							+ "', which does not let itself be connected to: " + ex.getMessage() + ".",
					"Stop it, remove the file, or set " + KEY + " to another path.", ex);
		}
	}

	private static UnusableSocketException refused(String problem, String remedy) {
		return new UnusableSocketException(problem, remedy, null);
	}

	private static Object identity(Path file) throws IOException {
		BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class,
				LinkOption.NOFOLLOW_LINKS);
		return (attributes.fileKey() != null) ? attributes.fileKey() : attributes.creationTime();
	}

	/**
	 * Return the listening socket.
	 * @return the channel
	 */
	ServerSocketChannel channel() {
		return this.channel;
	}

	/**
	 * Remove the file, unless another one has taken its place. The channel must still be
	 * open: only then has no other file the same identity.
	 * @throws IOException if that fails
	 */
	void remove() throws IOException {
		try {
			if (identity(this.path).equals(this.identity)) {
				Files.delete(this.path);
			}
		}
		catch (NoSuchFileException ex) {
			// Somebody else has removed it.
		}
	}

	@Override
	public String toString() {
		return this.path.toString();
	}

}
