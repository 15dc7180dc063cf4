package dev.vgi.external.location;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

import dev.vgi.external.storage.local.SteppedClock;
import dev.vgi.external.transport.StorageUnavailableException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link Publications}.
 */
class PublicationsTests {

	private static final Duration HOUR = Duration.ofHours(1);

	private final SteppedClock clock = new SteppedClock();

	private final Publications<String> publications = new Publications<>(this.clock);

	private int published;

	@Test
	void aKeyIsPublishedOnce() {
		ExternalRef first = this.publications.get("a", this::forAnHour);
		assertThat(this.publications.get("a", this::forAnHour)).isSameAs(first);
		assertThat(this.publications.get("b", this::forAnHour)).isNotEqualTo(first);
		assertThat(this.published).isEqualTo(2);
	}

	@Test
	void aKeyIsPublishedAnewInTheLastQuarterOfItsUrl() {
		ExternalRef first = this.publications.get("a", this::forAnHour);
		this.clock.step(Duration.ofMinutes(45).minusNanos(1));
		assertThat(this.publications.get("a", this::forAnHour)).isSameAs(first);
		this.clock.step(Duration.ofNanos(1));
		ExternalRef second = this.publications.get("a", this::forAnHour);
		assertThat(second.url()).isNotEqualTo(first.url());
		assertThat(second.expiresAt()).isEqualTo(this.clock.instant().plus(HOUR));
		assertThat(this.publications.get("a", this::forAnHour)).isSameAs(second);
	}

	@Test
	void whatDoesNotEndIsKeptUntilItIsForgotten() {
		ExternalRef first = this.publications.get("a", () -> ref(null));
		this.clock.step(Duration.ofDays(10_000));
		assertThat(this.publications.get("a", () -> ref(null))).isSameAs(first);
		this.publications.forget("a");
		assertThat(this.publications.get("a", () -> ref(null))).isNotEqualTo(first);
	}

	@Test
	void aFailureIsTheCallersUntilOneSucceeds() {
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.publications.get("a", PublicationsTests::fail));
		assertThat(this.publications.size()).isZero();
		assertThat(this.publications.get("a", this::forAnHour).url()).hasPath("/1");
	}

	@Test
	void aFailedRenewalLeavesTheOldReferenceAsLongAsItWorks() {
		ExternalRef first = this.publications.get("a", this::forAnHour);
		this.clock.step(HOUR.minusNanos(1));
		assertThat(this.publications.get("a", PublicationsTests::fail)).isSameAs(first);
		this.clock.step(Duration.ofNanos(1));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> this.publications.get("a", PublicationsTests::fail));
	}

	@Test
	void whatHasEndedIsNotRemembered() {
		this.publications.get("a", this::forAnHour);
		this.publications.get("b", () -> ref(null));
		this.clock.step(HOUR);
		this.publications.get("c", this::forAnHour);
		assertThat(this.publications.size()).isEqualTo(2);
	}

	@Test
	void objectIsSignedAgainWhileItIsYoungEnough() {
		List<ExternalRef> signed = new ArrayList<>();
		Publications<String> publications = new Publications<>(this.clock, (ref) -> {
			signed.add(ref);
			return new ExternalRef(URI.create(ref.url() + "?" + signed.size()), null, null,
					this.clock.instant().plus(HOUR));
		}, Duration.ofHours(3));
		publications.get("a", this::forAnHour);
		List<String> urls = new ArrayList<>();
		for (int i = 0; i < 4; i++) {
			this.clock.step(Duration.ofMinutes(45));
			urls.add(publications.get("a", this::forAnHour).url().toString());
		}
		// The third one would have worked for longer than three hours.
		assertThat(urls).containsExactly("https://storage.example/1?1", "https://storage.example/1?1?2",
				"https://storage.example/2", "https://storage.example/2?3");
		assertThat(this.published).isEqualTo(2);
		publications.forget("a");
		assertThat(publications.get("a", this::forAnHour).url()).hasPath("/3");
	}

	@Test
	void objectThatCannotBeSignedAgainIsPublishedAgain() {
		Publications<String> publications = new Publications<>(this.clock, (ref) -> null, Duration.ofDays(1));
		publications.get("a", this::forAnHour);
		this.clock.step(Duration.ofMinutes(50));
		assertThat(publications.get("a", this::forAnHour).url()).hasPath("/2");
	}

	@Test
	void failureToSignAgainLeavesTheOldReferenceAsLongAsItWorks() {
		Publications<String> publications = new Publications<>(this.clock, (ref) -> fail(), Duration.ofDays(1));
		ExternalRef first = publications.get("a", this::forAnHour);
		this.clock.step(HOUR.minusNanos(1));
		assertThat(publications.get("a", this::forAnHour)).isSameAs(first);
		this.clock.step(Duration.ofNanos(1));
		assertThatExceptionOfType(StorageUnavailableException.class)
			.isThrownBy(() -> publications.get("a", this::forAnHour));
		assertThat(publications.get("a", this::forAnHour).url()).hasPath("/2");
	}

	@Test
	void duringTheFirstPublicationOthersWait() throws Exception {
		concurrently((executor, publishing, proceed) -> {
			Future<ExternalRef> one = executor.submit(() -> this.publications.get("a", slowly(publishing, proceed)));
			publishing.await();
			CompletableFuture<ExternalRef> other = CompletableFuture
				.supplyAsync(() -> this.publications.get("a", PublicationsTests::fail), executor);
			// Another key waits for nobody.
			assertThat(this.publications.get("b", () -> ref(null))).isNotNull();
			assertThat(other).isNotDone();
			proceed.countDown();
			assertThat(other.get(10, TimeUnit.SECONDS)).isSameAs(one.get(10, TimeUnit.SECONDS));
		});
	}

	@Test
	void duringARenewalOthersGetTheOldReference() throws Exception {
		ExternalRef first = this.publications.get("a", this::forAnHour);
		this.clock.step(Duration.ofMinutes(50));
		concurrently((executor, publishing, proceed) -> {
			Future<ExternalRef> renewal = executor
				.submit(() -> this.publications.get("a", slowly(publishing, proceed)));
			publishing.await();
			assertThat(this.publications.get("a", PublicationsTests::fail)).isSameAs(first);
			proceed.countDown();
			assertThat(renewal.get(10, TimeUnit.SECONDS)).isNotEqualTo(first);
			assertThat(this.publications.get("a", PublicationsTests::fail)).isSameAs(renewal.get());
		});
	}

	private static void concurrently(Scenario scenario) throws Exception {
		ExecutorService executor = Executors.newFixedThreadPool(2);
		CountDownLatch proceed = new CountDownLatch(1);
		try {
			scenario.play(executor, new CountDownLatch(1), proceed);
		}
		finally {
			proceed.countDown();
			executor.shutdown();
			assertThat(executor.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
		}
	}

	private Supplier<ExternalRef> slowly(CountDownLatch publishing, CountDownLatch proceed) {
		return () -> {
			publishing.countDown();
			try {
				proceed.await();
			}
			catch (InterruptedException ex) {
				throw new IllegalStateException(ex);
			}
			return forAnHour();
		};
	}

	private ExternalRef forAnHour() {
		return ref(this.clock.instant().plus(HOUR));
	}

	private ExternalRef ref(@Nullable Instant expiresAt) {
		this.published++;
		return new ExternalRef(URI.create("https://storage.example/" + this.published), null, null, expiresAt);
	}

	private static ExternalRef fail() {
		throw new StorageUnavailableException("The bucket does not answer", 503, null);
	}

	/**
	 * What happens while a key is being published.
	 */
	@FunctionalInterface
	private interface Scenario {

		void play(ExecutorService executor, CountDownLatch publishing, CountDownLatch proceed) throws Exception;

	}

}
