package dev.vgi.external.pace;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.time.ManualTimer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Pace}.
 */
class PaceTests {

	private static final Duration LONG = Duration.ofSeconds(31);

	private final ManualTimer timer = new ManualTimer();

	private final List<Permit> asked = new ArrayList<>();

	private final List<Permit> decided = new ArrayList<>();

	private Pace pace = pace(64);

	private Pace pace(int most) {
		return new Pace(new PaceSettings(most, true), this.timer, (longest) -> longest / 2);
	}

	@AfterEach
	void nothingWaitsOrIsInFlight() {
		this.asked.forEach(Permit::cancelled);
		assertThat(this.pace.isIdle()).isTrue();
		assertThat(this.timer.alarms()).isZero();
	}

	private Permit ask(Object transfer) {
		Permit permit = this.pace.request(transfer, false, this.decided::add);
		this.asked.add(permit);
		return permit;
	}

	private Permit send() {
		Permit permit = ask("one");
		assertThat(permit.isGranted()).isTrue();
		return permit;
	}

	private void nothingSucceeds(int times, boolean busy) {
		for (int i = 0; i < times; i++) {
			Permit permit = ask("one");
			this.timer.advance(LONG);
			assertThat(permit.isGranted()).isTrue();
			if (busy) {
				permit.busy(null);
			}
			else {
				permit.broken("it does not answer");
			}
		}
	}

	@Test
	void asManyAsConfiguredAreInFlightAndTheNextOneWaits() {
		for (int i = 0; i < 64; i++) {
			send();
		}
		Permit next = ask("one");
		assertThat(next.isGranted()).isFalse();
		assertThat(this.pace.state().waiting()).isEqualTo(1);
		this.asked.get(0).succeeded();
		assertThat(next.isGranted()).isTrue();
		assertThat(this.decided).endsWith(next);
	}

	@Test
	void turnsAreFairBetweenTransfers() {
		this.pace = pace(2);
		send();
		send();
		Permit[] large = { ask("large"), ask("large"), ask("large") };
		Permit[] small = { ask("small"), ask("small") };
		this.asked.get(0).succeeded();
		assertThat(large[0].isGranted()).isTrue();
		this.asked.get(1).succeeded();
		assertThat(small[0].isGranted()).isTrue();
		large[0].succeeded();
		assertThat(large[1].isGranted()).isTrue();
		large[1].succeeded();
		assertThat(large[2].isGranted()).isTrue();
		small[0].succeeded();
		assertThat(small[1].isGranted()).isTrue();
	}

	@Test
	void hedgeComesBeforeThoseThatWait() {
		this.pace = pace(1);
		Permit late = send();
		Permit waiting = ask("two");
		assertThat(this.pace.tryHedge()).isTrue();
		Permit hedge = this.pace.request("one", true, this.decided::add);
		this.asked.add(hedge);
		late.cancelled();
		assertThat(hedge.isGranted()).isTrue();
		assertThat(waiting.isGranted()).isFalse();
	}

	@Test
	void hedgesArePaidFromSuccesses() {
		int hedges = 0;
		for (; this.pace.tryHedge(); hedges++) {
			assertThat(hedges).isLessThan(11);
		}
		assertThat(hedges).isEqualTo(10);
		for (int i = 0; i < 21; i++) {
			send().succeeded();
		}
		assertThat(this.pace.tryHedge()).isTrue();
		assertThat(this.pace.tryHedge()).isFalse();
	}

	@Test
	void retriesArePaidFromSuccesses() {
		int retries = 0;
		while (this.pace.tryRetry()) {
			retries++;
		}
		assertThat(retries).isEqualTo(128);
		for (int i = 0; i < 6; i++) {
			send().succeeded();
		}
		assertThat(this.pace.tryRetry()).isTrue();
		assertThat(this.pace.tryRetry()).isFalse();
	}

	@Test
	void whoWaitsForABusyStorageProbesWithOneRequest() {
		nothingSucceeds(Outage.FAILURES, true);
		Permit[] waiting = { ask("a"), ask("b"), ask("c") };
		assertThat(this.decided).doesNotContain(waiting);
		this.timer.advance(LONG);
		assertThat(waiting[0].isGranted()).isTrue();
		assertThat(this.pace.state().inFlight()).isEqualTo(1);
		waiting[0].busy(null);
		this.timer.advance(LONG);
		assertThat(waiting[1].isGranted()).isTrue();
		waiting[1].succeeded();
		this.timer.advance(LONG);
		assertThat(waiting[2].isGranted()).isTrue();
		assertThat(this.pace.state().closed()).isFalse();
	}

	@Test
	void whoWaitsForAStorageThatIsGoneIsRefusedTogether() {
		nothingSucceeds(Outage.FAILURES, false);
		this.timer.advance(LONG);
		Permit probe = send();
		Permit[] waiting = { ask("a"), ask("b") };
		probe.broken("the connection was refused");
		for (Permit each : waiting) {
			assertThat(each.isGranted()).isFalse();
			assertThat(each.refusal()).startsWith("the connection was refused, as in all 5 requests of the last ");
		}
		assertThat(this.decided).endsWith(waiting);
		assertThat(ask("c").refusal()).isNotNull();
		this.timer.advance(Duration.ofMillis(501));
		Permit next = send();
		Permit last = ask("d");
		assertThat(last.isGranted()).isFalse();
		next.succeeded();
		assertThat(last.isGranted()).isTrue();
	}

	@Test
	void storageIsProbedAlthoughEarlierRequestsAreStuck() {
		for (int i = 0; i < 10 + Outage.FAILURES; i++) {
			send();
		}
		this.asked.subList(10, 10 + Outage.FAILURES).forEach((permit) -> permit.broken("it was reset"));
		this.timer.advance(LONG);
		Permit probe = send();
		Permit[] waiting = { ask("a"), ask("b") };
		assertThat(waiting[0].isGranted()).isFalse();
		probe.succeeded();
		assertThat(waiting[0].isGranted()).isTrue();
		assertThat(waiting[1].isGranted()).isTrue();
	}

	@Test
	void outageEndsWithTheHeadOfAnAnswer() {
		nothingSucceeds(Outage.FAILURES, false);
		this.timer.advance(LONG);
		Permit probe = send();
		Permit waiting = ask("a");
		assertThat(waiting.isGranted()).isFalse();
		probe.answered();
		assertThat(waiting.isGranted()).isTrue();
		assertThat(this.pace.state().inFlight()).isEqualTo(2);
	}

	@Test
	void whoComesAfterAProbeThatTookLongIsRefusedForAWhile() {
		nothingSucceeds(Outage.FAILURES, false);
		this.timer.advance(LONG);
		Permit probe = send();
		this.timer.advance(Duration.ofSeconds(10));
		probe.broken("it does not answer");
		this.timer.advance(Duration.ofMillis(4900));
		assertThat(ask("two").refusal()).isNotNull();
		assertThat(this.pace.describeWait()).startsWith("it does not answer, as in all 5 requests of the last ");
		this.timer.advance(Duration.ofMillis(101));
		send();
	}

	@Test
	void answersThatAreTooLateLowerTheWindowAndAreNoOutage() {
		for (int i = 0; i < 2 * Outage.FAILURES; i++) {
			send().late();
		}
		assertThat(this.pace.state().closed()).isFalse();
		assertThat(this.pace.state().window()).isLessThan(8);
	}

	@Test
	void nobodyIsRefusedBeforeAProbeHasFailed() {
		for (int i = 0; i < Outage.FAILURES; i++) {
			send().broken("the object is broken off");
		}
		Permit next = ask("another object");
		assertThat(next.refusal()).isNull();
		this.timer.advance(Duration.ofMillis(100));
		assertThat(next.isGranted()).isTrue();
		next.succeeded();
		send();
	}

	@Test
	void aPauseThatStorageAsksForHoldsForAllAndEndsSometime() {
		send().busy(Duration.ofDays(3));
		Permit waiting = ask("two");
		this.timer.advance(Duration.ofSeconds(29));
		assertThat(waiting.isGranted()).isFalse();
		assertThat(this.pace.describeWait()).contains("busy");
		this.timer.advance(Duration.ofSeconds(1));
		assertThat(waiting.isGranted()).isTrue();
	}

	@Test
	void answerToAnEarlierRequestDoesNotEndAPause() {
		Permit earlier = send();
		send().busy(Duration.ofSeconds(10));
		earlier.succeeded();
		assertThat(ask("two").isGranted()).isFalse();
	}

	@Test
	void whoEndsWhileItWaitsLeavesTheQueue() {
		this.pace = pace(1);
		Permit first = send();
		Permit second = ask("two");
		Permit third = ask("three");
		second.cancelled();
		first.succeeded();
		assertThat(third.isGranted()).isTrue();
		assertThat(this.decided).doesNotContain(second);
		third.succeeded();
		third.broken("again");
		assertThat(this.pace.state().window()).isEqualTo(1);
	}

	@Test
	void fixedNumberIsNothingButThat() {
		this.pace = new Pace(new PaceSettings(2, false), this.timer, (longest) -> longest);
		for (int i = 0; i < 20; i++) {
			send().busy(Duration.ofSeconds(30));
			send().broken("gone");
		}
		assertThat(this.pace.tryRetry()).isTrue();
		assertThat(this.pace.tryHedge()).isTrue();
	}

	@Test
	void whatIsPacedAsOne() {
		Paces paces = new Paces(new PaceSettings(64, true), this.timer);
		PacedTransfer own = PacedTransfer.own();
		PacedTransfer foreign = PacedTransfer.foreign();
		Pace bucket = paces.of(own, URI.create("https://storage.googleapis.com/one/a?X-Goog-Signature=1"));
		assertThat(paces.of(PacedTransfer.own(), URI.create("HTTPS://Storage.googleapis.com:443/one/b")))
			.isSameAs(bucket);
		assertThat(paces.of(own, URI.create("https://storage.googleapis.com/two/a"))).isNotSameAs(bucket);
		assertThat(paces.of(foreign, URI.create("https://storage.googleapis.com/one/a"))).isNotSameAs(bucket);
		Pace path = paces.of(own, URI.create("https://s3.eu-central-1.amazonaws.com/one/a"));
		assertThat(paces.of(own, URI.create("https://s3.eu-central-1.amazonaws.com/two/a"))).isNotSameAs(path);
		Pace other = paces.of(foreign, URI.create("http://storage.example/one/a"));
		assertThat(paces.of(foreign, URI.create("http://storage.example/two/a"))).isSameAs(other);
		assertThat(paces.of(foreign, URI.create("http://storage.example:81/one/a"))).isNotSameAs(other);
		assertThat(paces.of(foreign, URI.create("https://storage.example/one/a"))).isNotSameAs(other);
	}

	@Test
	void pacesOfManyOriginsAreForgotten() {
		Paces paces = new Paces(new PaceSettings(64, true), this.timer);
		PacedTransfer foreign = PacedTransfer.foreign();
		Pace used = paces.of(foreign, URI.create("https://used.example/"));
		Permit permit = used.request(foreign, false, this.decided::add);
		Pace first = paces.of(foreign, URI.create("https://first.example/"));
		for (int i = 0; i < 300; i++) {
			paces.of(foreign, URI.create("https://host" + i + ".example/"));
		}
		assertThat(paces.of(foreign, URI.create("https://used.example/"))).isSameAs(used);
		assertThat(paces.of(foreign, URI.create("https://first.example/"))).isNotSameAs(first);
		assertThat(paces.totals()).isEqualTo(new PaceTotals(1, 0, 0, 0));
		permit.succeeded();
	}

}
