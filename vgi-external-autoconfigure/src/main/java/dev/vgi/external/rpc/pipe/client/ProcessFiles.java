package dev.vgi.external.rpc.pipe.client;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.jspecify.annotations.Nullable;

/**
 * The standard streams of a child process, opened once more as files, which is possible
 * on Linux. Unlike the streams that Java gives, files are read and written from and to
 * off-heap memory without a copy, and let go of a blocked thread when they are closed,
 * even while a grandchild holds the other end.
 */
final class ProcessFiles implements AutoCloseable {

	private static final Path OWN = Path.of("/proc/self/fd");

	private static final String PIPE = "pipe:[";

	private final PlatformIo io = new PlatformIo();

	private final FileInputStream output;

	private final FileChannel input;

	private final FileChannel errors;

	private ProcessFiles(FileInputStream output, FileChannel input, FileChannel errors) {
		this.output = output;
		this.input = input;
		this.errors = errors;
	}

	/**
	 * Open the streams of a process once more, and close Java's own.
	 * @param process a process that was just started
	 * @return the files; or {@code null} if that is not possible, or the process has
	 * already ended, and Java's own streams are untouched
	 */
	static @Nullable ProcessFiles of(Process process) {
		ProcessFiles files = null;
		// When the process ends, Java reads what is left, and closes its streams, under
		// these locks.
		synchronized (process.getInputStream()) {
			synchronized (process.getErrorStream()) {
				try {
					files = open(process.pid());
					if (files != null && process.isAlive()) {
						process.getInputStream().close();
						process.getErrorStream().close();
						process.getOutputStream().close();
						return files;
					}
				}
				catch (IOException ex) {
					// There is no such file system, or the process is another user's.
				}
			}
		}
		if (files != null) {
			files.close();
		}
		return null;
	}

	// Java's ends of the pipes tell which of the own files to open: the process, whose
	// number another one may get, is only asked for the names.
	private static @Nullable ProcessFiles open(long pid) throws IOException {
		Path theirs = Path.of("/proc", Long.toString(pid), "fd");
		String inputPipe = link(theirs.resolve("0"));
		String outputPipe = link(theirs.resolve("1"));
		String errorsPipe = link(theirs.resolve("2"));
		Map<String, Path> own = own(Set.of(inputPipe, outputPipe, errorsPipe));
		Path inputFile = own.get(inputPipe);
		Path outputFile = own.get(outputPipe);
		Path errorsFile = own.get(errorsPipe);
		if (inputFile == null || outputFile == null || errorsFile == null) {
			return null;
		}
		FileInputStream output = new FileInputStream(outputFile.toFile());
		FileChannel input = null;
		try {
			input = FileChannel.open(inputFile, StandardOpenOption.WRITE);
			return new ProcessFiles(output, input, FileChannel.open(errorsFile, StandardOpenOption.READ));
		}
		catch (IOException ex) {
			output.close();
			if (input != null) {
				input.close();
			}
			throw ex;
		}
	}

	private static Map<String, Path> own(Set<String> pipes) throws IOException {
		Map<String, Path> own = new HashMap<>();
		try (DirectoryStream<Path> files = Files.newDirectoryStream(OWN)) {
			for (Path file : files) {
				try {
					String link = link(file);
					if (link.startsWith(PIPE) && pipes.contains(link)) {
						own.put(link, file);
					}
				}
				catch (NoSuchFileException ex) {
					// It was closed meanwhile, this listing for example.
				}
			}
		}
		return own;
	}

	private static String link(Path file) throws IOException {
		return Files.readSymbolicLink(file).toString();
	}

	/**
	 * Return what the process writes.
	 * @return its standard output
	 */
	PeerInput output() {
		FileChannel file = this.output.getChannel();
		return new PeerInput(new Reading(this.io, file), () -> this.output.available() > 0);
	}

	/**
	 * Return what the process reads.
	 * @return its standard input, of which this is the only writer
	 */
	GatheringByteChannel input() {
		return new Writing(this.io, this.input);
	}

	/**
	 * Return what the process complains about.
	 * @return its standard error
	 */
	ReadableByteChannel errors() {
		return this.errors;
	}

	/**
	 * Close all. Idempotent.
	 */
	@Override
	public void close() {
		for (AutoCloseable file : List.of(this.output, this.input, this.errors, this.io)) {
			try {
				file.close();
			}
			catch (Exception ex) {
				// It is not used any more.
			}
		}
	}

	/**
	 * Reads a file from any kind of thread.
	 *
	 * @param io does what blocks
	 * @param file the file
	 */
	private record Reading(PlatformIo io, FileChannel file) implements ReadableByteChannel {

		@Override
		public int read(ByteBuffer target) throws IOException {
			return this.io.run(() -> this.file.read(target), this.file);
		}

		@Override
		public boolean isOpen() {
			return this.file.isOpen();
		}

		@Override
		public void close() throws IOException {
			this.file.close();
		}

	}

	/**
	 * Writes a file from any kind of thread.
	 *
	 * @param io does what blocks
	 * @param file the file
	 */
	private record Writing(PlatformIo io, FileChannel file) implements GatheringByteChannel {

		@Override
		public int write(ByteBuffer source) throws IOException {
			return this.io.run(() -> this.file.write(source), this.file);
		}

		@Override
		public long write(ByteBuffer[] sources, int offset, int length) throws IOException {
			return this.io.run(() -> this.file.write(sources, offset, length), this.file);
		}

		@Override
		public long write(ByteBuffer[] sources) throws IOException {
			return write(sources, 0, sources.length);
		}

		@Override
		public boolean isOpen() {
			return this.file.isOpen();
		}

		@Override
		public void close() throws IOException {
			this.file.close();
		}

	}

}
