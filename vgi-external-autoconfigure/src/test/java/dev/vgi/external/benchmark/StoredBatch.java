package dev.vgi.external.benchmark;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * A large batch whose stream a storage serves, plain and as one zstd frame; and what its
 * bytes cost alone.
 */
final class StoredBatch implements AutoCloseable {

	private final StorageProcess server;

	private final String name;

	private final VectorSchemaRoot root;

	private final AnnotatedBatch batch;

	private final GatheredStream stream;

	private final int size;

	private final String sha256;

	private final int codedSize;

	/** Memory that is used again by the references. */
	private final ByteBuffer memory;

	private final ByteBuffer coded;

	/**
	 * Store a batch.
	 * @param server where to
	 * @param name of the batch
	 * @param root the batch, taken over
	 * @throws IOException if it cannot be stored
	 */
	StoredBatch(StorageProcess server, String name, VectorSchemaRoot root) throws IOException {
		this.server = server;
		this.name = name;
		this.root = root;
		this.batch = AnnotatedBatch.of(root);
		this.stream = IpcStreamWriter.gather(OutputCycle.of(this.batch));
		this.size = Math.toIntExact(this.stream.length());
		this.sha256 = sha256();
		this.memory = ByteBuffer.allocateDirect(this.size);
		this.coded = ByteBuffer.allocateDirect((int) Zstd.compressBound(this.size));
		write(plain(), this.stream.segments());
		compress(0);
		this.codedSize = this.coded.position();
		write(coded(), List.of(this.coded.duplicate().flip()));
		System.out.printf("%s: %.1f MB, as zstd %.1f MB%n", name, this.size / 1e6, this.codedSize / 1e6);
	}

	private void write(String object, List<ByteBuffer> bytes) throws IOException {
		try (FileChannel file = FileChannel.open(this.server.file(object), StandardOpenOption.CREATE,
				StandardOpenOption.WRITE)) {
			for (ByteBuffer segment : bytes) {
				while (segment.hasRemaining()) {
					file.write(segment);
				}
			}
		}
	}

	/**
	 * Return the name of the object that has the plain stream.
	 * @return the name
	 */
	String plain() {
		return this.name + ".arrow";
	}

	/**
	 * Return the name of the object that has the zstd frame.
	 * @return the name
	 */
	String coded() {
		return this.name + ".zst";
	}

	AnnotatedBatch batch() {
		return this.batch;
	}

	List<ByteBuffer> segments() {
		return this.stream.segments();
	}

	int size() {
		return this.size;
	}

	int codedSize() {
		return this.codedSize;
	}

	String digest() {
		return this.sha256;
	}

	/**
	 * Return memory of the size of the stream.
	 * @return always the same, for whoever needs it right now
	 */
	ByteBuffer memory() {
		return this.memory.clear();
	}

	/**
	 * Return memory in which the frame stands.
	 * @return always the same; may be filled with the frame again
	 */
	ByteBuffer codedMemory() {
		return this.coded.clear();
	}

	/**
	 * Digest the stream and do nothing else.
	 */
	void digestAlone() {
		if (!sha256().equals(this.sha256)) {
			throw new IllegalStateException("The digests differ");
		}
	}

	private String sha256() {
		MessageDigest sha;
		try {
			sha = MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
		byte[] step = new byte[64 * 1024];
		for (ByteBuffer segment : this.stream.segments()) {
			while (segment.hasRemaining()) {
				int count = Math.min(step.length, segment.remaining());
				segment.get(step, 0, count);
				sha.update(step, 0, count);
			}
		}
		return HexFormat.of().formatHex(sha.digest());
	}

	/**
	 * Compress the stream and do nothing else.
	 * @param workers how many threads beside the caller's, which then only waits
	 */
	void compress(int workers) {
		this.coded.clear();
		try (ZstdCompressCtx context = new ZstdCompressCtx()) {
			context.setLevel(3);
			if (workers > 0) {
				context.setWorkers(workers);
			}
			context.setPledgedSrcSize(this.size);
			List<ByteBuffer> segments = this.stream.segments();
			for (int i = 0; i < segments.size(); i++) {
				boolean last = i == segments.size() - 1;
				boolean done = false;
				while (!done) {
					done = context.compressDirectByteBufferStream(this.coded, segments.get(i),
							last ? EndDirective.END : EndDirective.CONTINUE);
					done = last ? done : !segments.get(i).hasRemaining();
				}
			}
		}
	}

	/**
	 * Decode the frame and do nothing else.
	 */
	void decode() {
		ByteBuffer source = this.coded.clear().limit(this.codedSize);
		this.memory.clear();
		try (ZstdDecompressCtx context = new ZstdDecompressCtx()) {
			boolean done = false;
			while (!done) {
				done = context.decompressDirectByteBufferStream(this.memory, source);
			}
		}
	}

	@Override
	public void close() throws IOException {
		this.stream.close();
		this.root.close();
		for (String object : List.of(plain(), coded())) {
			Path file = this.server.file(object);
			Files.delete(file);
		}
	}

}
