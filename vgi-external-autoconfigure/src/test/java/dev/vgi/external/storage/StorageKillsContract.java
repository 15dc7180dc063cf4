package dev.vgi.external.storage;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.LogSink;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.location.Pointer;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.RetryPolicy;
import dev.vgi.external.transfer.TestListeners;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A storage that is killed in the middle of transfers and comes back. Its name keeps it
 * out of {@code mvn verify}: {@code .ci/storage} runs it with servers that it installs.
 * <p>
 * System properties: {@code vgi.test.kills.rounds} (12), {@code vgi.test.kills.seed}
 * (random, and printed).
 */
@ExtendWith(OutputCaptureExtension.class)
@SuppressWarnings("NullAway.Init")
public abstract class StorageKillsContract {

	/** Longer than any pause that is planned, and than the start of any server. */
	private static final Duration TIMEOUT = Duration.ofSeconds(20);

	private final Map<Pointer, Long> pointers = new TreeMap<>(
			(one, other) -> one.location().compareTo(other.location()));

	private final Map<String, Integer> outcomes = new TreeMap<>();

	private final Trap trap = new Trap();

	@TempDir
	private Path folder;

	/** How many events each kind of transfer has. */
	private final Map<String, Integer> events = new TreeMap<>();

	/** How many microseconds each kind of transfer takes. */
	private final Map<String, Integer> durations = new TreeMap<>();

	private BufferAllocator allocator;

	private TransferResources resources;

	private Externalizer externalizer;

	private LocationResolver resolver;

	private KilledServer server;

	/**
	 * Return what starts the server.
	 * @param port where it listens
	 * @param folder where it keeps everything
	 * @return the command
	 */
	protected abstract List<String> command(int port, Path folder);

	/**
	 * Return what the server finds in its environment.
	 * @return names and values
	 */
	protected Map<String, String> environment() {
		return Map.of();
	}

	/**
	 * Create the storage, and what it needs on the new server.
	 * @param server where it is
	 * @param folder where the server keeps everything
	 * @param resources for its transfers
	 * @param asked to be called before anything is signed
	 * @param timeout of an upload
	 * @return the storage
	 * @throws Exception if anything fails
	 */
	protected abstract ExternalStorage create(URI server, Path folder, TransferResources resources, Runnable asked,
			Duration timeout) throws Exception;

	/**
	 * Return everything that the storage holds, unfinished uploads included.
	 * @return the last segments of names
	 * @throws Exception if it does not say
	 */
	protected abstract Set<String> contents() throws Exception;

	/**
	 * Free what was created.
	 * @throws Exception if that fails
	 */
	protected void free() throws Exception {
	}

	/**
	 * Return how many bytes make several parts.
	 * @return the size
	 */
	protected abstract int multipartSize();

	/**
	 * Return how long a transfer waits before each further attempt.
	 * @return the default unless the server takes longer to start
	 */
	protected Duration retryDelay() {
		return RetryPolicy.DEFAULT_DELAY;
	}

	/**
	 * Return how long the server stays away at most, beside the time that it takes to
	 * start. That of a quarter of the rounds.
	 * @return longer than a transfer waits unless its start is
	 */
	protected Duration longestDowntime() {
		return Duration.ofMillis(2500);
	}

	/**
	 * Return what an upload may end with, beside a storage that is away or too slow.
	 * @return further kinds
	 */
	protected Set<Kind> furtherKinds() {
		return Set.of();
	}

	/**
	 * Return whether everything that failed uploads leave behind can be deleted.
	 * @return {@code true} unless the server does not delete
	 */
	protected boolean takesDeletions() {
		return true;
	}

	@Test
	@Timeout(value = 20, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void everyTransferSucceedsOrFailsOnceAndWhatIsPointedToIsWhole(CapturedOutput output) throws Exception {
		long seed = Long.getLong("vgi.test.kills.seed", System.nanoTime() % 1_000_000);
		int rounds = Integer.getInteger("vgi.test.kills.rounds", 12);
		System.out.println("[kills] seed " + seed + ", " + rounds + " rounds");
		Random random = new Random(seed);
		TransportSettings settings = TransportSettings.defaults();
		TransferListener listener = TestListeners.progressed((bytes) -> this.trap.event());
		try (RootAllocator allocator = new RootAllocator();
				TransferResources resources = TransferResources.create(settings, 256 << 20).withListener(listener);
				KilledServer server = new KilledServer((port) -> command(port, this.folder), environment(),
						this.folder.resolve("server.log"))) {
			this.allocator = allocator;
			this.resources = resources;
			this.server = server;
			server.awaitUp();
			ExternalStorage storage = create(server.url(), this.folder, resources, this.trap::event, TIMEOUT);
			configure(storage);
			try {
				calibrate();
				for (int round = 0; round < rounds; round++) {
					round(random);
				}
				calls(rounds, random);
				everyPointerResolves();
				nothingElseIsStored(storage);
			}
			finally {
				System.out.println("[kills] " + this.outcomes);
				Leftovers leftovers = storage.leftovers();
				if (leftovers != null) {
					leftovers.close();
				}
				free();
			}
			assertThat(resources.transport().leasedConnections()).isZero();
			assertThat(resources.budget().inUse()).isZero();
			assertThat(resources.slabs().leasedSlabs()).isZero();
			assertThat(resources.budget().transfers().count()).isZero();
		}
		await(() -> Thread.getAllStackTraces()
			.keySet()
			.stream()
			.noneMatch((thread) -> thread.getName().startsWith("vgi-external-")));
		assertThat(output.getAll().lines().filter((line) -> line.startsWith("\tat "))).isEmpty();
		// A failed transfer says so once, and what cannot be removed is summed up.
		int failed = this.outcomes.entrySet()
			.stream()
			.filter((entry) -> !entry.getKey().endsWith(" done"))
			.mapToInt(Map.Entry::getValue)
			.sum();
		assertThat(output.getAll().lines().filter((line) -> line.contains("WARN")))
			.hasSizeLessThanOrEqualTo(failed + 1);
	}

	private void configure(ExternalStorage storage) {
		ExternalLocationConfig config = ExternalLocationConfig.defaults()
			.withStorage(storage)
			.withRetryDelay(retryDelay())
			.withExternalizeThreshold(1)
			.withCompression(null)
			.withUrlValidator(UrlValidator.acceptAll())
			.withFetchConfig(FetchConfig.defaults()
				.withTimeout(TIMEOUT)
				.withChunkSize(512 << 10)
				.withParallelThreshold(1 << 20)
				.withMaxParallelRequests(3));
		this.externalizer = new Externalizer(config, this.resources, this.allocator);
		this.resolver = new LocationResolver(config, this.resources);
	}

	private int[] sizes() {
		return new int[] { 1000, 700_000, multipartSize() };
	}

	private void calibrate() {
		// The first ones are slow.
		for (int i = 0; i < 3; i++) {
			for (int size : sizes()) {
				AtomicReference<Pointer> pointer = new AtomicReference<>();
				calibrate("upload " + size, () -> pointer.set(upload(size, size)));
				calibrate("fetch " + size, () -> fetch(pointer.get(), size));
				this.pointers.put(pointer.get(), (long) size);
			}
		}
	}

	private void calibrate(String what, Runnable transfer) {
		this.trap.reset();
		long start = System.nanoTime();
		transfer.run();
		this.durations.put(what, (int) ((System.nanoTime() - start) / 1000));
		this.events.put(what, this.trap.reset());
	}

	private void round(Random random) {
		boolean upload = random.nextBoolean();
		int size = sizes()[random.nextInt(3)];
		List<Pointer> known = this.pointers.keySet()
			.stream()
			.filter((pointer) -> size(known(this.pointers, pointer)) == size)
			.toList();
		Pointer pointer = known.get(random.nextInt(known.size()));
		if (upload) {
			long content = (random.nextLong() << 24) | size;
			killed("upload " + size, random, furtherKinds(), () -> this.pointers.put(upload(size, content), content));
		}
		else {
			killed("fetch " + size, random, Set.of(), () -> fetch(pointer, known(this.pointers, pointer)));
		}
		long next = (random.nextLong() << 24) | sizes()[0];
		Pointer small = upload(size(next), next);
		fetch(small, next);
		this.pointers.put(small, next);
	}

	private void calls(int rounds, Random random) {
		Runnable call = call(this.server.url(), this.allocator, this.resolver, this.resources);
		if (call == null) {
			return;
		}
		for (int i = 0; i < 3; i++) {
			calibrate("call", call);
		}
		for (int round = 0; round < rounds; round++) {
			killed("call", random, Set.of(Kind.SERVICE_UNAVAILABLE), call);
			call.run();
		}
	}

	/**
	 * Return a call of the server, if it is a service: its input goes to the storage, and
	 * its result comes from there.
	 * @param server where it is
	 * @param allocator owns the batches
	 * @param resolver resolves the result
	 * @param resources for its transfers
	 * @return makes the call and checks the result; or {@code null} if there is none
	 */
	protected @Nullable Runnable call(URI server, BufferAllocator allocator, LocationResolver resolver,
			TransferResources resources) {
		return null;
	}

	private void killed(String what, Random random, Set<Kind> further, Runnable transfer) {
		boolean timed = random.nextBoolean();
		int skipped = timed ? 0 : random.nextInt(known(this.events, what) + 1);
		int delay = timed ? random.nextInt(known(this.durations, what)) : 0;
		Duration downtime = (random.nextInt(4) == 0) ? longestDowntime()
				: longestDowntime().multipliedBy(random.nextInt(25)).dividedBy(100);
		KilledServer server = this.server;
		this.trap.set(skipped, delay, () -> server.kill(downtime));
		long start = System.nanoTime();
		String outcome = "done";
		try {
			this.trap.event();
			transfer.run();
		}
		catch (VgiExternalException ex) {
			System.out
				.println("[kills] " + what + " at event " + skipped + " and " + delay + " µs: " + ex.getMessage());
			Set<Kind> kinds = EnumSet.of(Kind.STORAGE_UNAVAILABLE, Kind.TIMED_OUT);
			kinds.addAll(further);
			assertThat(ex.kind()).as(what).isIn(kinds);
			outcome = ex.kind().code();
		}
		assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(TIMEOUT.plusSeconds(12));
		this.outcomes.merge(what + " " + outcome, 1, Integer::sum);
		// If the transfer was quicker, the server is killed between two.
		this.trap.spring();
		server.awaitUp();
	}

	private static <K, V> V known(Map<K, V> map, K key) {
		return Objects.requireNonNull(map.get(key));
	}

	private static int size(long content) {
		return (int) (content & 0xff_ffff);
	}

	private Pointer upload(int size, long content) {
		BigIntVector vector = new BigIntVector("n", this.allocator);
		vector.allocateNew(size / 8);
		Random random = new Random(content);
		for (int i = 0; i < size / 8; i++) {
			vector.set(i, random.nextLong());
		}
		vector.setValueCount(size / 8);
		OutputCycle cycle = OutputCycle.of(AnnotatedBatch.of(VectorSchemaRoot.of(vector)));
		try (OutputCycle stored = this.externalizer.externalize(cycle)) {
			Pointer pointer = Pointer.from(stored.data().metadata());
			assertThat(pointer.sha256()).isNotNull();
			return pointer;
		}
	}

	private void fetch(Pointer pointer, long content) {
		try (AnnotatedBatch template = AnnotatedBatch.of(VectorSchemaRoot.of(new BigIntVector("n", this.allocator)));
				AnnotatedBatch batch = template.zeroRows(pointer.toMetadata(), this.allocator);
				AnnotatedBatch resolved = this.resolver.resolve(batch, this.allocator, LogSink.discarding())) {
			assertThat(resolved.rowCount()).isEqualTo(size(content) / 8);
			BigIntVector vector = (BigIntVector) resolved.root().getVector("n");
			Random random = new Random(content);
			for (int i = 0; i < vector.getValueCount(); i++) {
				if (vector.get(i) != random.nextLong()) {
					throw new AssertionError("another value at " + i);
				}
			}
		}
	}

	private void everyPointerResolves() {
		this.pointers.forEach(this::fetch);
	}

	private void nothingElseIsStored(ExternalStorage storage) throws Exception {
		Leftovers leftovers = storage.leftovers();
		if (leftovers == null || !takesDeletions()) {
			return;
		}
		Set<String> expected = this.pointers.keySet()
			.stream()
			.map((pointer) -> lastSegment(pointer.location().getPath()))
			.collect(Collectors.toCollection(TreeSet::new));
		for (long start = System.nanoTime(); !contents().equals(expected)
				&& System.nanoTime() - start < Duration.ofSeconds(90).toNanos();) {
			TimeUnit.MILLISECONDS.sleep(100);
		}
		assertThat(contents()).isEqualTo(expected);
		assertThat(leftovers.dropped()).isZero();
	}

	protected static String lastSegment(String name) {
		return name.substring(name.lastIndexOf('/') + 1);
	}

	private static void await(BooleanSupplier condition) {
		Uninterruptibles.await(Duration.ofSeconds(90), condition, (nanos) -> TimeUnit.MILLISECONDS.sleep(100));
		assertThat(condition.getAsBoolean()).isTrue();
	}

	/**
	 * Waits for an event of a transfer.
	 */
	private static final class Trap {

		private final AtomicInteger seen = new AtomicInteger();

		private int skipped = Integer.MAX_VALUE;

		private int delay;

		private Runnable action = () -> {
		};

		private final AtomicInteger sprung = new AtomicInteger(1);

		int reset() {
			return this.seen.getAndSet(0);
		}

		synchronized void set(int skipped, int delay, Runnable action) {
			this.seen.set(0);
			this.skipped = skipped;
			this.delay = delay;
			this.action = action;
			this.sprung.set(0);
		}

		void event() {
			if (this.seen.getAndIncrement() == this.skipped) {
				if (this.delay == 0) {
					spring();
				}
				else {
					CompletableFuture.delayedExecutor(this.delay, TimeUnit.MICROSECONDS).execute(this::spring);
				}
			}
		}

		void spring() {
			if (this.sprung.getAndIncrement() == 0) {
				this.action.run();
			}
		}

	}

}
