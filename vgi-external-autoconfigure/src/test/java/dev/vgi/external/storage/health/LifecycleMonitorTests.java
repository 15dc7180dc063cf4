package dev.vgi.external.storage.health;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import dev.vgi.external.transfer.TransferThreads;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

/**
 * Tests for {@link LifecycleMonitor}.
 */
@ExtendWith(OutputCaptureExtension.class)
class LifecycleMonitorTests {

	private final List<Runnable> started = new ArrayList<>();

	private final AtomicLong clock = new AtomicLong();

	private final AtomicInteger looks = new AtomicInteger();

	private Finding finding = new Finding(Verdict.MISSING, "No rule: add the rule {planted}");

	private final LifecycleMonitor monitor = new LifecycleMonitor((expireAfter) -> {
		assertThat(expireAfter).isEqualTo(Duration.ofDays(2));
		this.looks.incrementAndGet();
		return this.finding;
	}, Duration.ofDays(2), new TransferThreads((task) -> {
		this.started.add(task);
		return new Thread(() -> {
		});
	}), this.clock::get);

	@Test
	void startDoesNotWaitForTheLook(CapturedOutput output) {
		assertThat(this.monitor.isRunning()).isFalse();
		this.monitor.start();
		assertThat(this.monitor.isRunning()).isTrue();
		assertThat(this.looks).hasValue(0);
		this.started.forEach(Runnable::run);
		assertThat(this.looks).hasValue(1);
		assertThat(output.toString().lines().filter((line) -> line.contains("add the rule {planted}"))).singleElement()
			.asString()
			.contains("WARN")
			.contains("vgi.external.lifecycle.mode=none");
	}

	@Test
	void findingIsKeptForTenMinutesAndLoggedOnce(CapturedOutput output) {
		this.monitor.current();
		this.clock.set(Duration.ofMinutes(10).toNanos() - 1);
		assertThat(this.monitor.current().verdict()).isEqualTo(Verdict.MISSING);
		assertThat(this.looks).hasValue(1);
		this.clock.incrementAndGet();
		this.monitor.current();
		assertThat(this.looks).hasValue(2);
		this.finding = new Finding(Verdict.COVERED, "covered");
		this.clock.addAndGet(Duration.ofMinutes(10).toNanos());
		assertThat(this.monitor.current().verdict()).isEqualTo(Verdict.COVERED);
		assertThat(output.toString().lines().filter((line) -> line.contains("planted"))).hasSize(1);
	}

	@Test
	void whatCannotBeReadIsNotLogged(CapturedOutput output) {
		this.finding = new Finding(Verdict.UNKNOWN, "The rules cannot be read");
		assertThat(this.monitor.current().verdict()).isEqualTo(Verdict.UNKNOWN);
		assertThat(output).doesNotContain("cannot be read");
	}

	@Test
	void bucketThatCannotBeUsedIsLoggedOnce(CapturedOutput output) {
		for (int request = 1; request <= 3; request++) {
			this.finding = new Finding(Verdict.MISCONFIGURED,
					"The bucket 'planted' cannot be used (request " + request + "): check 'vgi.external.s3.region'");
			assertThat(this.monitor.current().detail()).contains("request " + request);
			this.clock.addAndGet(Duration.ofMinutes(10).toNanos());
		}
		assertThat(output.toString().lines().filter((line) -> line.contains("planted"))).singleElement()
			.asString()
			.contains("WARN")
			.endsWith("(request 1): check 'vgi.external.s3.region'");
	}

	@Test
	void backendThatThrowsIsUnknown() {
		LifecycleMonitor throwing = new LifecycleMonitor((expireAfter) -> {
			throw new IllegalStateException("https://x/?signature=planted");
		}, Duration.ofDays(1), TransferThreads.platform(), this.clock::get);
		assertThatNoException().isThrownBy(throwing::start);
		assertThat(throwing.current().detail()).contains("IllegalStateException").doesNotContain("planted");
	}

}
