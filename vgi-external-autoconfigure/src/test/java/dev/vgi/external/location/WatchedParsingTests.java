package dev.vgi.external.location;

import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransferCancelledException;
import dev.vgi.external.transport.TransferTimeoutException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * An object that has arrived is read within the deadline of its fetch, and only as long
 * as its caller waits.
 */
@SuppressWarnings("NullAway.Init")
class WatchedParsingTests {

	private static final int ROWS = 1 << 20;

	@TempDir
	private Path folder;

	private final RootAllocator allocator = new RootAllocator();

	private final TransferBudget budget = new TransferBudget(64 << 20, 4);

	private final SlabPool slabs = new SlabPool(16 << 20, Duration.ofHours(1));

	private final ManualTimer timer = new ManualTimer();

	private final StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null, this.timer);

	private LocalStorage storage;

	@BeforeEach
	void setUp() {
		this.storage = new LocalStorage(LocalStorageSettings.of(this.folder), () -> URI.create("http://127.0.0.1:1"),
				Clock.systemUTC());
	}

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.budget.inUse()).isZero();
		assertThat(this.slabs.leasedSlabs()).isZero();
		this.slabs.close();
		this.transport.close();
		this.allocator.close();
	}

	@Test
	void endsAtTheDeadline() {
		assertThatExceptionOfType(TransferTimeoutException.class)
			.isThrownBy(() -> resolve(() -> this.timer.advance(FetchConfig.defaults().timeout())))
			.withMessageContaining("60000 ms");
	}

	@Test
	void endsWhenItIsInterrupted() {
		assertThatExceptionOfType(TransferCancelledException.class)
			.isThrownBy(() -> resolve(Thread.currentThread()::interrupt));
		assertThat(Thread.interrupted()).isTrue();
	}

	@Test
	void goesOnOtherwise() {
		resolve(() -> {
		});
	}

	/**
	 * Store a batch and resolve its pointer.
	 * @param afterFetch runs once the object is there and its schema read
	 */
	private void resolve(Runnable afterFetch) throws VgiExternalException {
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withStorage(this.storage)
			.withExternalizeThreshold(0)
			.withMaxRetries(0)
			.withUrlValidator(UrlValidator.acceptAll());
		TransferResources resources = new TransferResources(this.transport, this.budget, this.slabs,
				TransferThreads.platform(), TransferListener.none());
		Externalizer externalizer = new Externalizer(config, resources, this.allocator);
		LocationResolver resolver = new LocationResolver(config, resources);
		try (OutputCycle cycle = externalizer.externalize(OutputCycle.of(emptyTexts()))) {
			AnnotatedBatch pointer = cycle.data();
			VectorSchemaRoot root = new VectorSchemaRoot(new ObservedSchema(pointer.schema(), afterFetch),
					pointer.root().getFieldVectors(), 0);
			resolver
				.resolve(new AnnotatedBatch(root, pointer.dictionaries(), pointer.metadata()), this.allocator,
						LogSink.discarding())
				.close();
		}
	}

	// offsets and nothing else: they are looked at window by window
	private AnnotatedBatch emptyTexts() {
		VarCharVector vector = new VarCharVector("texts", this.allocator);
		vector.allocateNew(8, ROWS);
		vector.setValueCount(ROWS);
		return AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector)));
	}

	/**
	 * Tells when its fields are compared with those of the stored object.
	 */
	private static final class ObservedSchema extends Schema {

		private final Runnable compared;

		ObservedSchema(Schema schema, Runnable compared) {
			super(schema.getFields());
			this.compared = compared;
		}

		@Override
		public List<Field> getFields() {
			if (this.compared != null && StackWalker.getInstance()
				.walk((frames) -> frames
					.anyMatch((frame) -> frame.getClassName().equals(SchemaComparison.class.getName())))) {
				this.compared.run();
			}
			return super.getFields();
		}

	}

}
