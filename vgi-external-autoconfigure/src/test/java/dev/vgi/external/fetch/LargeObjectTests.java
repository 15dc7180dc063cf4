package dev.vgi.external.fetch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;

import com.github.luben.zstd.ZstdOutputStream;
import com.sun.management.OperatingSystemMXBean;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

/**
 * Objects beyond 2 GiB, both ways. A test says so if the machine has no memory for it.
 */
@Tag("large")
class LargeObjectTests {

	private static final int BLOCK = 1 << 16;

	private static final int BLOCKS = (int) ((9L << 28) / BLOCK);

	/** 2.25 GiB and a little. */
	private static final long SIZE = (long) BLOCKS * BLOCK + 5;

	private static final byte[] CONTENT = ExternalFetcherTests.bytes(BLOCK);

	private final RootAllocator allocator = new RootAllocator();

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private final TransferBudget budget = new TransferBudget(8L << 30, 8);

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	@BeforeEach
	void thereIsMemory() {
		OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
		assumeThat(system.getFreeMemorySize()).isGreaterThan(4L << 30);
	}

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
	}

	@Test
	void plainObjectIsFetched() throws Exception {
		try (FaultServer server = new FaultServer((request, reply) -> {
			long[] range = request.range(SIZE);
			reply.head(206, "Content-Length: " + (range[1] - range[0]), "ETag: \"1\"",
					"Content-Range: bytes " + range[0] + "-" + (range[1] - 1) + "/" + SIZE);
			for (long at = range[0]; at < range[1];) {
				int from = (int) (at % BLOCK);
				int count = (int) Math.min(BLOCK - from, range[1] - at);
				reply.raw(CONTENT, from, from + count);
				at += count;
			}
		})) {
			fetch(server, SIZE);
		}
	}

	@Test
	void codedObjectIsFetched() throws Exception {
		ByteArrayOutputStream encoded = new ByteArrayOutputStream();
		try (ZstdOutputStream zstd = new ZstdOutputStream(encoded, 1)) {
			zstd.setChecksum(false);
			for (int block = 0; block < BLOCKS; block++) {
				zstd.write(CONTENT);
			}
			zstd.write(CONTENT, 0, 5);
		}
		byte[] stored = encoded.toByteArray();
		try (FaultServer server = new FaultServer(FaultServer.object(stored, "Content-Encoding: zstd"))) {
			fetch(server, stored.length);
		}
	}

	private void fetch(FaultServer server, long stored) throws Exception {
		MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
		for (int block = 0; block < BLOCKS; block++) {
			sha256.update(CONTENT);
		}
		sha256.update(CONTENT, 0, 5);
		ExternalFetcher fetcher = new ExternalFetcher(
				FetchConfig.defaults().withMaxFetchSize(4L << 30).withMaxDecompressedSize(4L << 30),
				UrlValidator.acceptAll(), null, new TransferResources(this.transport, this.budget, this.slabs,
						TransferThreads.platform(), TransferListener.none()));
		try (FetchedBody body = fetcher.fetch(server.url("/o"), HexFormat.of().formatHex(sha256.digest()),
				this.allocator)) {
			assertThat(body.length()).isEqualTo(SIZE);
			assertThat(body.statistics().storedBytes()).isEqualTo(stored);
			byte[] end = new byte[5];
			body.buffer().getBytes(SIZE - 5, end);
			assertThat(end).isEqualTo(Arrays.copyOf(CONTENT, 5));
		}
	}

	@Test
	void requestBodyIsSent() throws Exception {
		AtomicLong received = new AtomicLong();
		CRC32C there = new CRC32C();
		try (FaultServer server = new FaultServer((request, reply) -> {
			request.body((piece) -> {
				received.addAndGet(piece.remaining());
				there.update(piece);
			});
			reply.empty(200);
		}); ArrowBuf block = this.allocator.buffer(1 << 28)) {
			for (int at = 0; at < 1 << 28; at += BLOCK) {
				block.setBytes(at, CONTENT);
			}
			CRC32C here = new CRC32C();
			RequestBody body = new RequestBody() {

				@Override
				public long length() {
					return 9L << 28;
				}

				@Override
				public void writeTo(WritableByteChannel channel) throws IOException {
					for (int i = 0; i < 9; i++) {
						ByteBuffer piece = block.nioBuffer(0, 1 << 28);
						here.update(piece.duplicate());
						while (piece.hasRemaining()) {
							channel.write(piece);
						}
					}
				}

			};
			try (StorageResponse response = this.transport.put(server.url("/o"), body, Map.of(),
					UrlValidator.acceptAll(), Deadline.in(Duration.ofMinutes(2)))) {
				assertThat(response.status()).isEqualTo(200);
			}
			assertThat(received.get()).isEqualTo(9L << 28);
			assertThat(there.getValue()).isEqualTo(here.getValue());
		}
	}

}
