package dev.vgi.external.sample.demo;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.location.ExternalRef;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.sample.FlightStore;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

/**
 * Measures the stages of a transfer one by one, in rounds, so that each stage meets the
 * same disturbances. The first round only warms up. A bare download, in which a client of
 * the JDK reads the stored bytes and drops them, shows what the connection can do; the
 * same with a digest, what one thread can do that verifies them. Not thread-safe.
 */
final class StageComparison {

	private static final int ROUNDS = 5;

	private final FlightStore store;

	private final Externalizer externalizer;

	private final FlightClient client;

	private final LongSupplier nanoTime;

	private final byte[] buffer = new byte[256 * 1024];

	private final List<Round> rounds = new ArrayList<>();

	/**
	 * Create a comparison.
	 * @param store has the flights
	 * @param externalizer the service's, which uploads
	 * @param client downloads
	 * @param nanoTime a clock such as {@link System#nanoTime()}
	 */
	StageComparison(FlightStore store, Externalizer externalizer, FlightClient client, LongSupplier nanoTime) {
		this.store = store;
		this.externalizer = externalizer;
		this.client = client;
		this.nanoTime = nanoTime;
	}

	/**
	 * Measure.
	 * @return the stages in the order of a transfer, the bare download before the
	 * library's
	 * @throws IOException if the store or the connection fails
	 */
	List<StageMeasurement> measure() throws IOException {
		long bytes;
		try (AnnotatedBatch all = AnnotatedBatch.of(this.store.allInOneBatch())) {
			bytes = all.bufferSize();
			round(all);
			this.rounds.clear();
			for (int i = 0; i < ROUNDS; i++) {
				round(all);
			}
		}
		return List.of(stage("query", "the database yields the flights", bytes, Round::query),
				stage("upload", "digest, and into storage", bytes, Round::upload),
				stage("bare download", "a plain client drops the bytes", bytes, Round::bare),
				stage("with a digest", "a plain client verifies the bytes", bytes, Round::verified),
				stage("download", "fetched, verified, a batch again", bytes, Round::download));
	}

	private void round(AnnotatedBatch all) throws IOException {
		long start = this.nanoTime.getAsLong();
		try (ArrowReader flights = this.store.all()) {
			while (flights.loadNextBatch()) {
				// Its batches are looked at by nobody
			}
		}
		long queried = this.nanoTime.getAsLong();
		ExternalRef ref = this.externalizer.publish(all);
		long uploaded = this.nanoTime.getAsLong();
		read(ref.url(), null);
		long dropped = this.nanoTime.getAsLong();
		read(ref.url(), sha256());
		long verified = this.nanoTime.getAsLong();
		this.client.download(ref, all).close();
		long downloaded = this.nanoTime.getAsLong();
		this.rounds.add(new Round(queried - start, uploaded - queried, dropped - uploaded, verified - dropped,
				downloaded - verified));
	}

	private void read(URI url, @Nullable MessageDigest digest) throws IOException {
		try (InputStream body = url.toURL().openStream()) {
			for (int length = body.read(this.buffer); length >= 0; length = body.read(this.buffer)) {
				if (digest != null) {
					digest.update(this.buffer, 0, length);
				}
			}
		}
		if (digest != null) {
			digest.digest();
		}
	}

	private static MessageDigest sha256() {
		try {
			return MessageDigest.getInstance("SHA-256");
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("Every JDK has SHA-256", ex);
		}
	}

	private StageMeasurement stage(String name, String description, long bytes, ToLongFunction<Round> stage) {
		long nanos = median(stage);
		return new StageMeasurement(name, description, bytes, Duration.ofNanos(nanos),
				(double) nanos / median(Round::bare));
	}

	private long median(ToLongFunction<Round> stage) {
		return this.rounds.stream().mapToLong(stage).sorted().skip(ROUNDS / 2).findFirst().orElseThrow();
	}

	/**
	 * The stages of one round, in nanoseconds.
	 */
	private record Round(long query, long upload, long bare, long verified, long download) {

	}

}
