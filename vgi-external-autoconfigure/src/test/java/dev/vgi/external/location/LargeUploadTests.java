package dev.vgi.external.location;

import java.net.URI;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A stream beyond 2 GiB on its way out: the same 256 MiB again and again, so that it
 * takes no more memory than that.
 */
@Tag("large")
class LargeUploadTests {

	private static final int ROWS = 1 << 25;

	private static final int BATCHES = 9;

	private static final int PART = 8 << 20;

	private final RootAllocator allocator = new RootAllocator();

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null);

	private final TransferBudget budget = new TransferBudget(16 << 20, 8);

	private final SlabPool slabs = new SlabPool(16 << 20, Duration.ofHours(1));

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.transport.leasedConnections()).isZero();
		this.transport.close();
		assertThat(this.budget.inUse()).isZero();
		this.allocator.close();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
	}

	@ParameterizedTest
	@CsvSource({ "false, 8388608", "false, 1073741824", "true, 8388608" })
	void streamIsStoredWhole(boolean compress, int partSize) {
		AtomicLong received = new AtomicLong();
		try (FaultServer server = new FaultServer((request, reply) -> {
			request.body((piece) -> received.addAndGet(piece.remaining()));
			reply.empty(200);
		}); AnnotatedBatch batch = batch()) {
			Storage storage = new Storage(this.transport, server.url("/o"), partSize);
			Externalizer externalizer = new Externalizer(
					ExternalLocationConfig.defaults()
						.withStorage(storage)
						.withFetchConfig(FetchConfig.defaults().withTimeout(Duration.ofMinutes(5)))
						.withCompression(new Compression(1, 0)),
					new TransferResources(this.transport, this.budget, this.slabs, TransferThreads.platform(),
							TransferListener.none()),
					this.allocator);
			externalizer.store(batch.schema(), Collections.nCopies(BATCHES, batch), compress);
			assertThat(received.get()).isEqualTo(storage.sent.get());
			if (!compress) {
				assertThat(received.get()).isGreaterThan(BATCHES * (8L * ROWS));
			}
			assertThat(this.budget.peak()).isLessThanOrEqualTo(PART);
		}
	}

	private AnnotatedBatch batch() {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(ROWS);
		for (int row = 0; row < ROWS; row++) {
			vector.set(row, row >>> 16);
		}
		vector.setValueCount(ROWS);
		return AnnotatedBatch.of(VectorSchemaRoot.of(vector));
	}

	private static final class Storage implements ExternalStorage {

		private final StorageTransport transport;

		private final URI url;

		private final int partSize;

		private final AtomicLong sent = new AtomicLong();

		Storage(StorageTransport transport, URI url, int partSize) {
			this.transport = transport;
			this.url = url;
			this.partSize = partSize;
		}

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			boolean more = true;
			while (more) {
				try (Payload.Part part = payload.next(this.partSize)) {
					assertThat(part).isNotNull();
					this.sent.addAndGet(part.length());
					try (StorageResponse response = this.transport.put(this.url, part, Map.of(),
							UrlValidator.acceptAll(), Deadline.in(Duration.ofMinutes(2)))) {
						assertThat(response.status()).isEqualTo(200);
					}
					more = !part.isLast();
				}
			}
			return this.url;
		}

		@Override
		public boolean isOwn(URI candidate) {
			return false;
		}

		@Override
		public String name() {
			return "large";
		}

	}

}
