package dev.vgi.external.observation;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.rpc.pipe.client.RpcWorkers;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.Leftovers;
import dev.vgi.external.storage.custom.SignedLinkStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.EndedTransfer;
import dev.vgi.external.transfer.Transfer;
import dev.vgi.external.transfer.Transfer.Direction;
import dev.vgi.external.transfer.TransferEvent;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferEvent.PhaseBegan;
import dev.vgi.external.transfer.TransferEvent.PhaseEnded;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferEvent.RequestQueued;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transfer.TransferEvent.Retried;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import io.micrometer.common.docs.KeyName;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link TransferMetrics}, and for the page that lists them.
 */
class TransferMetricsTests {

	private static final Path PAGE = Path.of("..", "docs", "metrics.md");

	private static final Duration ELAPSED = Duration.ofMillis(250);

	@TempDir
	private Path folder;

	private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

	private final TransferBudget budget = new TransferBudget(1000, 1);

	private final BufferAllocator allocator = new RootAllocator();

	private final TransferMetrics metrics = new TransferMetrics(this.registry, this.budget, this.allocator);

	private final ObservationRegistry observations = ObservationRegistry.create();

	/** Both, as an application has them. */
	private final TransferListener listener = TransferListener
		.all(List.of(new TransferObservations(this.observations, null).withRequests(null).withTime(this::passedTime),
				this.metrics));

	private long passed;

	@BeforeEach
	void timeWhatIsObserved() {
		this.observations.observationConfig().observationHandler(new DefaultMeterObservationHandler(this.registry));
	}

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.observations.getCurrentObservation()).isNull();
		this.allocator.close();
		this.registry.close();
	}

	// Every look at it is a second later.
	private long passedTime() {
		this.passed += 1_000_000_000;
		return this.passed;
	}

	@Test
	void uploads() {
		uploaded("s3", 250, 1000, "zstd");
		uploaded("s3", 750, 1000, "zstd");
		uploaded("vended", 300, 300, null);
		assertTimer("vgi.external.upload", 2, "storage", "s3", "outcome", "success", "content.coding", "zstd");
		assertTimer("vgi.external.upload", 1, "storage", "vended", "outcome", "success", "content.coding", "none");
		assertSummary("vgi.external.transferred", 2, 1000, "direction", "upload", "content.coding", "zstd");
		assertSummary("vgi.external.transferred", 1, 300, "direction", "upload", "content.coding", "none");
		assertSummary("vgi.external.compression.ratio", 3, 2, "direction", "upload");
	}

	@Test
	void fetches() {
		fetched(100, 400, "gzip", 3, 1);
		fetched(500, 500, null, 2, 0);
		fetched(0, 0, null, 0, 0);
		assertTimer("vgi.external.fetch", 1, "outcome", "success", "content.coding", "gzip");
		assertTimer("vgi.external.fetch", 2, "outcome", "success", "content.coding", "none");
		assertSummary("vgi.external.transferred", 1, 100, "direction", "fetch", "content.coding", "gzip");
		assertSummary("vgi.external.transferred", 2, 500, "direction", "fetch", "content.coding", "none");
		assertSummary("vgi.external.compression.ratio", 3, 1.25, "direction", "fetch");
		assertCounter("vgi.external.fetch.requests", 5);
		assertCounter("vgi.external.hedges", 1);
	}

	@Test
	void everyKindOfFailureHasItsTag() {
		for (Kind kind : Kind.values()) {
			told(EndedTransfer.failed(Direction.UPLOAD, "local", new Failure(kind), ELAPSED));
			told(EndedTransfer.failed(Direction.FETCH, "foreign", new Failure(kind), ELAPSED),
					new Retried(-1, kind, "it failed", ELAPSED), new Retried(3, kind, "a range failed", ELAPSED));
			this.metrics.fellBackInline(kind);
			this.metrics.linkRenewed(kind);
			String tag = kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
			assertTimer("vgi.external.upload", 1, "storage", "local", "outcome", tag, "content.coding", "none");
			assertTimer("vgi.external.fetch", 1, "outcome", tag, "content.coding", "none");
			assertCounter("vgi.external.failures", 1, "direction", "upload", "kind", tag);
			assertCounter("vgi.external.failures", 1, "direction", "fetch", "kind", tag);
			assertCounter("vgi.external.fetch.retries", 1, "kind", tag);
			assertCounter("vgi.external.inline.fallbacks", 1, "kind", tag);
			this.metrics.linkRenewalServed(kind);
			assertCounter("vgi.external.renewals.served", 1, "outcome", tag);
			assertCounter("vgi.external.links.renewed", 1, "outcome", tag);
		}
	}

	@Test
	void renewedLinksAreCounted() {
		this.metrics.linkRenewed(null);
		assertCounter("vgi.external.links.renewed", 1, "outcome", "success");
	}

	@Test
	void whatAForeignStorageSaysIsNoTag() {
		fetched(1, 1, "br; https://storage.example/?sig=5ec7e7", 1, 0);
		uploaded("s3", 1, 1, "ZSTD");
		assertThat(tagValues("content.coding")).containsOnly("none");
	}

	@Test
	void uploadUrlsAreCountedFromZero() {
		assertCounter("vgi.external.upload.urls", 0);
		assertCounter("vgi.external.hedges", 0);
		this.metrics.uploadUrlsVended(3);
		this.metrics.uploadUrlsVended(1);
		assertCounter("vgi.external.upload.urls", 4);
	}

	@Test
	void renewalsAreCountedFromZero() {
		assertCounter("vgi.external.renewals.served", 0, "outcome", "success");
		this.metrics.linkRenewalServed(null);
		assertCounter("vgi.external.renewals.served", 1, "outcome", "success");
	}

	@Test
	void gaugesFollowBudgetAndAllocator() {
		TransferBudget.Lease lease = this.budget.tryAcquire(600);
		assertThat(lease).isNotNull();
		try (lease; ArrowBuf buffer = this.allocator.buffer(4096)) {
			assertThat(this.registry.get("vgi.external.in.flight").gauge().value()).isEqualTo(600);
			assertThatExceptionOfType(BudgetExhaustedException.class)
				.isThrownBy(() -> this.budget.acquire(this.budget.maxBytes(), Duration.ZERO));
			assertThat(this.registry.get("vgi.external.budget.refused").functionCounter().count()).isEqualTo(1);
			assertThat(this.registry.get("vgi.external.budget.waiting").gauge().value()).isZero();
			assertThat(this.registry.get("vgi.external.allocated").gauge().value()).isEqualTo(buffer.capacity());
		}
		assertThat(this.registry.get("vgi.external.in.flight").gauge().value()).isZero();
		assertThat(this.registry.get("vgi.external.allocated").gauge().value()).isZero();
	}

	@Test
	void localStoreTellsHowFullItIs() {
		LocalStorage storage = localStorage();
		new LocalStorageMetrics(storage).bindTo(this.registry);
		storage.upload(BytesPayload.random(300, 1), new Schema(List.of()), null);
		assertThat(this.registry.get("vgi.external.local.stored").gauge().value()).isEqualTo(300);
		assertThat(this.registry.get("vgi.external.local.refused").functionCounter().count()).isZero();
	}

	@Test
	@Timeout(value = 30, threadMode = ThreadMode.SEPARATE_THREAD)
	void lifetimeOfUrlsIsShownAsLongAsThereIsARegistry() {
		WeakReference<Object> bound = bindLifetime();
		while (!bound.refersTo(null)) {
			System.gc();
		}
		assertThat(this.registry.get("vgi.external.url.lifetime").timeGauge().value(TimeUnit.MILLISECONDS))
			.isEqualTo(ELAPSED.toMillis());
	}

	// Nothing but the meter holds the supplier.
	private WeakReference<Object> bindLifetime() {
		UrlLifetimeMetrics metrics = new UrlLifetimeMetrics("s3", ELAPSED::abs);
		metrics.bindTo(this.registry);
		return new WeakReference<>(metrics);
	}

	@Test
	void requestsThatAreHeldBackAreSeen() {
		try (FaultServer server = new FaultServer((request, reply) -> reply.empty(503));
				StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			new PaceMetrics(transport).bindTo(this.registry);
			assertThat(this.registry.get("vgi.external.origins.limited").gauge().value()).isZero();
			transport.get(server.url("/"), null, null, UrlValidator.acceptAll(), 0, Deadline.in(Duration.ofSeconds(30)))
				.close();
			assertThat(this.registry.get("vgi.external.origins.limited").gauge().value()).isEqualTo(1);
			assertThat(this.registry.get("vgi.external.origins.closed").gauge().value()).isZero();
			assertThat(this.registry.get("vgi.external.requests.in.flight").gauge().value()).isZero();
			assertThat(this.registry.get("vgi.external.requests.waiting").gauge().value()).isZero();
		}
	}

	@Test
	void storageTellsWhatIsLeft() {
		Leftovers leftovers = bindLeftovers();
		leftovers.add((deadline) -> {
		});
		leftovers.add((deadline) -> {
			throw new IllegalStateException("planted");
		});
		assertThat(this.registry.get("vgi.external.leftovers").tag("storage", "links").gauge().value()).isEqualTo(2);
		leftovers.close();
		assertThat(this.registry.get("vgi.external.leftovers").gauge().value()).isZero();
		assertThat(this.registry.get("vgi.external.leftovers.dropped").functionCounter().count()).isEqualTo(1);
		new LeftoverMetrics(localStorage()).bindTo(this.registry);
		assertThat(tagValues("storage")).containsOnly("links");
	}

	private Leftovers bindLeftovers() {
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			ExternalStorage storage = new SignedLinkStorage(transport, URI.create("https://storage.example/batches"),
					new byte[32], Clock.systemUTC());
			new LeftoverMetrics(storage).bindTo(this.registry);
			return Objects.requireNonNull(storage.leftovers());
		}
	}

	private LocalStorage localStorage() {
		return new LocalStorage(LocalStorageSettings.of(this.folder), () -> URI.create("http://localhost"),
				Clock.systemUTC());
	}

	@Test
	void pageListsExactlyTheMetersThereAre() throws Exception {
		everyEvent();
		try (StorageTransport transport = new StorageTransport(TransportSettings.defaults(), null)) {
			new PaceMetrics(transport).bindTo(this.registry);
		}
		new UrlLifetimeMetrics("s3", () -> ELAPSED).bindTo(this.registry);
		new LocalStorageMetrics(localStorage()).bindTo(this.registry);
		bindLeftovers();
		// Nothing is started before it is called.
		try (RpcWorkers workers = new RpcWorkers(
				Map.of("model", RpcConnection.builder(List.of("/no/such/program")).build()))) {
			new WorkerMetrics(workers).bindTo(this.registry);
		}
		Map<String, Set<String>> actual = new LinkedHashMap<>();
		for (Meter meter : this.registry.getMeters()) {
			actual.computeIfAbsent(meter.getId().getName(), (name) -> new TreeSet<>())
				.addAll(meter.getId().getTags().stream().map(Tag::getKey).toList());
			// Micrometer's own, of observations, have none.
			assertThat(isObserved(meter) || meter.getId().getDescription() != null).as(meter.getId().getName())
				.isTrue();
		}
		assertThat(documentedMeters()).isEqualTo(actual);
	}

	@Test
	void pageListsExactlyTheKeysOfSpansThereAre() throws Exception {
		List<String> lines = Files.readAllLines(PAGE);
		Set<String> documented = new TreeSet<>();
		lines.subList(lines.indexOf("## Spans"), lines.indexOf("## Health"))
			.stream()
			.filter((line) -> line.startsWith("| `vgi."))
			.forEach((line) -> documented.addAll(quoted(line.split("\\|")[1])));
		Set<String> actual = Stream
			.<KeyName>concat(Arrays.stream(TransferObservation.HighCardinality.values()),
					Arrays.stream(StorageRequestObservation.HighCardinality.values()))
			.map(KeyName::asString)
			.collect(Collectors.toCollection(TreeSet::new));
		assertThat(documented).isEqualTo(actual);
	}

	private static boolean isObserved(Meter meter) {
		return Pattern.matches("vgi\\.external\\.(fetch|upload|request)(\\.(active|hedge|memory|renewal|retry))?",
				meter.getId().getName());
	}

	@Test
	void pageListsExactlyTheKindsThereAre() throws Exception {
		String page = Files.readString(PAGE);
		String kinds = page.substring(page.indexOf("The kinds:"), page.indexOf(".\n", page.indexOf("The kinds:")));
		assertThat(quoted(kinds)).containsExactlyInAnyOrderElementsOf(Arrays.stream(Kind.values())
			.map((kind) -> kind.name().toLowerCase(Locale.ROOT).replace('_', '-'))
			.toList());
	}

	// Whatever a listener can hear may make a meter.
	private void everyEvent() throws ReflectiveOperationException {
		TransferStatistics statistics = new TransferStatistics(1, 1, null, 1, 0, ELAPSED);
		Map<Class<?>, Object> arguments = Map.of(Transfer.class, EndedTransfer.fetched(statistics), Kind.class,
				Kind.TIMED_OUT, int.class, 1);
		Set<String> heard = new HashSet<>();
		for (Method event : TransferListener.class.getMethods()) {
			if (event.isDefault()) {
				Object[] values = Arrays.stream(event.getParameterTypes()).map(arguments::get).toArray();
				assertThat(values).as(event.getName()).doesNotContainNull();
				if (event.invoke(this.listener, values) instanceof TransferListener.Watch watch) {
					watch.ended();
				}
				heard.add(event.getName());
			}
		}
		assertThat(heard).contains("begin");
		for (Direction direction : Direction.values()) {
			told(EndedTransfer.succeeded(direction, "s3", statistics));
			told(EndedTransfer.failed(direction, "s3", new Failure(Kind.TIMED_OUT), ELAPSED),
					new Retried(-1, Kind.TIMED_OUT, "it failed", ELAPSED), new PhaseBegan(Phase.MEMORY),
					new PhaseEnded(Phase.MEMORY));
		}
		// Uploads do neither.
		told(EndedTransfer.fetched(statistics), new RequestQueued(1, Purpose.RANGE, 0, 0, 1, true), new RequestSent(1),
				new PhaseBegan(Phase.RENEWAL), new PhaseEnded(Phase.RENEWAL));
	}

	private void uploaded(String storage, long stored, long raw, @Nullable String coding) {
		told(EndedTransfer.succeeded(Direction.UPLOAD, storage,
				new TransferStatistics(stored, raw, coding, 1, 0, ELAPSED)));
	}

	private void fetched(long stored, long decoded, @Nullable String coding, int requests, int hedges) {
		told(EndedTransfer.fetched(new TransferStatistics(stored, decoded, coding, requests, hedges, ELAPSED)));
	}

	private void told(Transfer transfer, TransferEvent... events) {
		TransferListener.Watch watch = this.listener.begin(transfer);
		for (TransferEvent event : events) {
			watch.happened(event);
		}
		watch.ended();
	}

	private static Map<String, Set<String>> documentedMeters() throws IOException {
		Map<String, Set<String>> meters = new LinkedHashMap<>();
		List<String> lines = Files.readAllLines(PAGE);
		for (String line : lines.subList(0, lines.indexOf("## Spans"))) {
			if (line.startsWith("| `vgi.")) {
				String[] cells = line.split("\\|");
				meters.put(quoted(cells[1]).get(0), new TreeSet<>(quoted(cells[3])));
			}
		}
		return meters;
	}

	private static List<String> quoted(String text) {
		return Pattern.compile("`([^`]+)`").matcher(text).results().map((found) -> found.group(1)).toList();
	}

	private void assertTimer(String name, long count, String... tags) {
		assertThat(this.registry.get(name).tags(Tags.of(tags)).timer().count()).isEqualTo(count);
	}

	private void assertSummary(String name, long count, double total, String... tags) {
		DistributionSummary summary = this.registry.get(name).tags(Tags.of(tags)).summary();
		assertThat(summary.count()).isEqualTo(count);
		assertThat(summary.totalAmount()).isEqualTo(total);
	}

	private void assertCounter(String name, double value, String... tags) {
		assertThat(this.registry.get(name).tags(Tags.of(tags)).counter().count()).isEqualTo(value);
	}

	private Set<String> tagValues(String key) {
		return this.registry.getMeters()
			.stream()
			.map((meter) -> meter.getId().getTag(key))
			.filter((value) -> value != null)
			.collect(Collectors.toSet());
	}

	/**
	 * A failure of any kind.
	 */
	private static final class Failure extends VgiExternalException {

		private static final long serialVersionUID = 1L;

		Failure(Kind kind) {
			super(kind, "it failed", null);
		}

	}

}
