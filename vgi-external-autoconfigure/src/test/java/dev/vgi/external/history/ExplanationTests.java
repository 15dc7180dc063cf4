package dev.vgi.external.history;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import dev.vgi.external.history.TransferTimeline.Failure;
import dev.vgi.external.history.TransferTimeline.PhaseSpan;
import dev.vgi.external.history.TransferTimeline.Request;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link Explanation} with a table of timelines.
 */
class ExplanationTests {

	private static final long MB = 1 << 20;

	static Stream<Arguments> ended() {
		return Stream.of(Arguments.of("nothing to say", fetch(900).ranges(8, 20, 120), null),
				Arguments.of("too short to matter", fetch(150).phase("memory", 0, 140), null),
				Arguments.of("a small share",
						fetch(20_000).phase("memory", 0, 800).bytes(2_000 * MB).object(900, 20_000, 2_000 * MB), null),
				Arguments.of("memory", fetch(2500).phase("memory", 0, 1800).ranges(4, 1810, 100),
						"Waited 1.8 s for memory: raise vgi.external.memory.budget"),
				Arguments.of("memory while a request is open",
						fetch(2500).object(0, 2500, 10).phase("memory", 50, 2450),
						"Waited 2.4 s for memory: raise vgi.external.memory.budget"),
				Arguments.of("memory of parts that are on their way",
						upload(9000).phase("memory", 100, 8900).bytes(30 * MB).part(0, 0, 4500).part(1, 4500, 9000),
						"The bytes went at 3.5 MB/s"),
				Arguments.of("a hedge that won",
						fetch(2400).ranges(6, 0, 200)
							.range(7, 100, 2200, 0, false, "cancelled")
							.range(7, 2000, 2200, 8 * MB, true, "complete"),
						"Range 7 stalled 2.1 s; its hedge won"),
				Arguments.of("a hedge that lost",
						fetch(2400).ranges(6, 0, 200)
							.range(7, 100, 2200, 8 * MB, false, "complete")
							.range(7, 2000, 2200, 0, true, "cancelled"),
						"Range 7 stalled 2.1 s; its hedge was not faster"),
				Arguments.of("a slow range without a hedge",
						fetch(2400).ranges(6, 0, 200).range(7, 100, 2200, 8 * MB, false, "complete"),
						"Range 7 took 2.1 s, most others 200 ms or less"),
				Arguments.of("a range that never came",
						fetch(9000).ranges(6, 0, 200).range(7, 100, 9000, 0, false, "timed_out"),
						"Range 7 stalled 8.9 s"),
				Arguments.of("a range that does not come", fetch(9000).ranges(6, 0, 200).open(7, 100, 100.0, null),
						"Range 7 has stalled for 8.9 s"),
				Arguments.of("a slow part",
						upload(5000).part(0, 0, 300).part(1, 0, 300).part(2, 0, 4900).bytes(24 * MB),
						"Part 2 took 4.9 s, most others 300 ms or less"),
				Arguments.of("a range that failed",
						fetch(3000).ranges(6, 0, 200)
							.range(7, 100, 1000, 0, false, "failed")
							.range(7, 1500, 2900, 8 * MB, false, "complete"),
						"Range 7 failed once and took 2.8 s, most others 200 ms or less"),
				Arguments.of("a busy storage",
						fetch(4500).busy(0, 10, 503)
							.phase("pause", 10, 1000)
							.busy(1000, 1010, 503)
							.phase("pause", 1010, 3990)
							.busy(3990, 4000, 503)
							.range(0, 4000, 4400, 8 * MB, false, "complete"),
						"Storage answered 503 for 4.0 s (3 requests): see docs/network.md"),
				Arguments.of("an object that is not there",
						fetch(1050).busy(0, 10, 404)
							.phase("pause", 10, 510)
							.busy(510, 520, 404)
							.phase("pause", 520, 1020)
							.busy(1020, 1050, 404),
						"Storage answered 404 for 1.1 s (3 requests)"),
				Arguments.of("a storage that is limited", fetch(4500).busy(0, 10, 503).queued(0, 20, 3900, 4400),
						"Storage answered 503 for 3.9 s: see docs/network.md"),
				Arguments.of("a turn", fetch(3500).queued(0, 0, 3000, 3400),
						"Its turn came after 3.0 s: the origin is limited, see docs/network.md, or"
								+ " vgi.external.http.max-connections is too low"),
				Arguments.of("a storage that is gone",
						fetch(3000).range(0, 0, 1000, 0, false, "failed")
							.phase("pause", 1000, 1500)
							.range(0, 1500, 3000, 0, false, "failed")
							.failed("storage-unavailable"),
						"Storage could not be reached or broke off for 3.0 s (2 requests)"),
				Arguments.of("a storage that begins and does not go on",
						fetch(7000).brokenOff(0, 0, 3000)
							.brokenOff(1, 3000, 6000)
							.neverSent(2, 10, 7000)
							.failed("storage-unavailable"),
						"Storage broke off or fell silent for 6.0 s (2 requests)"),
				Arguments.of("a storage that is silent",
						fetch(30_000).range(0, 0, 30_000, 0, false, "timed_out").failed("timed-out"),
						"Storage did not answer for 30.0 s"),
				Arguments.of("a late answer", fetch(4000).late(0, 3800, 3900), "Storage took 3.8 s to answer"),
				Arguments.of("a renewed link", fetch(1000).phase("renewal", 100, 900).renewals(1),
						"Waited 800 ms for a new link"),
				Arguments.of("two renewed links",
						fetch(1000).phase("renewal", 100, 500).phase("renewal", 550, 950).renewals(2),
						"Waited 800 ms for a new link"),
				Arguments.of("decompression",
						fetch(3000).object(0, 1000, 100 * MB)
							.bytes(100 * MB)
							.phase("download", 0, 1000)
							.phase("coding", 10, 2900)
							.phase("digest", 10, 2900),
						"Decompression took 1.9 s longer than the download"),
				Arguments.of("a slow folder",
						fetch(5000).bytes(10 * MB)
							.phase("download", 0, 4900)
							.phase("coding", 10, 4950)
							.phase("digest", 10, 4950),
						"The bytes came at 2.1 MB/s"),
				Arguments.of("a slow range that nobody waited for",
						fetch(5000).range(0, 0, 4600, 8 * MB, false, "complete").inTurn(10, 500).bytes(50 * MB),
						"The bytes came at 10.5 MB/s"),
				Arguments.of("two ranges that stall together",
						fetch(5000).ranges(8, 0, 300)
							.range(8, 0, 4900, 8 * MB, false, "complete")
							.range(9, 0, 4800, 8 * MB, false, "complete"),
						"Range 8 took 4.9 s, most others 300 ms or less"),
				Arguments.of("the digest",
						fetch(3000).object(0, 1000, 100 * MB).bytes(100 * MB).phase("digest", 10, 2900),
						"The digest took 1.9 s longer than the download: the processor is busy"),
				Arguments.of("parsing",
						fetch(2000).object(0, 500, 100 * MB).bytes(100 * MB).phase("parsing", 500, 2000),
						"Reading the Arrow stream took 1.5 s"),
				Arguments.of("compression",
						upload(4000).phase("coding", 0, 3000)
							.phase("upload", 2900, 4000)
							.object(3000, 4000, 30 * MB)
							.bytes(30 * MB),
						"Compression took 3.0 s longer than the upload: lower vgi.external.compression.level"),
				Arguments.of("compression before the first part", upload(4000).phase("coding", 10, 3990),
						"Compression took 4.0 s longer than the upload: lower vgi.external.compression.level"),
				Arguments.of("a slow reader",
						upload(9000).phase("upload", 0, 9000)
							.part(0, 1000, 1200)
							.part(1, 5000, 5200)
							.part(2, 8800, 9000)
							.bytes(24 * MB),
						"The upload waited 8.4 s for the reader"),
				Arguments.of("a local folder", upload(2000).phase("coding", 0, 1900).phase("upload", 0, 2000),
						"Storing took 2.0 s"),
				Arguments.of("a local folder and the digest",
						upload(610).phase("digest", 0, 609).phase("upload", 5, 275),
						"The digest took 339 ms longer than the upload: the processor is busy"),
				Arguments.of("one slow connection", fetch(5000).object(0, 4900, 49 * MB).bytes(49 * MB),
						"One connection carried 100 % of the bytes at 10.5 MB/s: lower"
								+ " vgi.external.fetch.parallel-threshold"),
				Arguments.of("a storage that ignores ranges",
						fetch(5000).range(0, 0, 4900, 49 * MB, false, "complete").bytes(49 * MB),
						"One connection carried 100 % of the bytes at 10.5 MB/s: the storage ignores ranges"),
				Arguments.of("a slow network", fetch(9000).ranges(8, 0, 9000).bytes(64 * MB),
						"The bytes came at 7.5 MB/s"),
				Arguments.of("a fast network", fetch(9000).ranges(8, 0, 9000).bytes(640 * MB), null));
	}

	@ParameterizedTest(name = "{0}")
	@MethodSource("ended")
	void saysWhatHeldItUp(String name, Builder builder, @Nullable String sentence) {
		TransferTimeline timeline = builder.build("finished");
		assertThat(Explanation.of(timeline, WhereTimeWent.in(timeline))).isEqualTo(sentence);
		assertThat(Explanation.waitsFor(timeline, WhereTimeWent.in(timeline))).isNull();
	}

	static Stream<Arguments> running() {
		return Stream.of(Arguments.of("nothing is known", fetch(900), null),
				Arguments.of("memory", fetch(900).phase("memory", 10, null), "memory"),
				Arguments.of("a new link", fetch(900).phase("renewal", 10, null), "a new link"),
				Arguments.of("a pause", fetch(900).phase("pause", 10, null), "the next attempt"),
				Arguments.of("a pause of a range", fetch(900).phase("pause", 10, 2000.0), "the next attempt"),
				Arguments.of("a turn", fetch(900).open(0, 10, null, null), "its turn"),
				Arguments.of("an answer", fetch(900).open(0, 10, 20.0, null), "first byte"),
				Arguments.of("bytes", fetch(900).open(0, 10, 20.0, 30.0).open(1, 10, 20.0, null), "bytes"),
				Arguments.of("the last range", fetch(900).ranges(4, 0, 100).open(7, 10, 20.0, null), "range 7"),
				Arguments.of("decoding", fetch(900).ranges(4, 0, 100).phase("coding", 10, null), "decoding"),
				Arguments.of("the digest", fetch(900).ranges(4, 0, 100).phase("digest", 10, null), "digest"),
				Arguments.of("parsing", fetch(900).ranges(4, 0, 100).phase("parsing", 500, null), "parsing"),
				Arguments.of("the last part", upload(900).part(0, 0, 100).openPart(1, 20.0), "part 1"),
				Arguments.of("the reader", upload(900).phase("upload", 0, null).part(0, 0, 100), "the reader"),
				Arguments.of("the first rows", upload(900), "the reader"),
				Arguments.of("a local folder", upload(900).phase("upload", 0, null), "storage"),
				Arguments.of("encoding", upload(900).phase("coding", 0, null), "encoding"));
	}

	@ParameterizedTest(name = "{0}")
	@MethodSource("running")
	void saysWhatItWaitsFor(String name, Builder builder, @Nullable String words) {
		TransferTimeline timeline = builder.build("running");
		assertThat(Explanation.waitsFor(timeline, WhereTimeWent.in(timeline))).isEqualTo(words);
	}

	private static Builder fetch(double elapsed) {
		return new Builder("fetch", elapsed);
	}

	private static Builder upload(double elapsed) {
		return new Builder("upload", elapsed);
	}

	/**
	 * Builds a timeline.
	 */
	private static final class Builder {

		private final String direction;

		private final double elapsed;

		private final List<PhaseSpan> phases = new ArrayList<>();

		private final List<Request> requests = new ArrayList<>();

		private long bytes;

		private int renewals;

		private @Nullable Failure error;

		Builder(String direction, double elapsed) {
			this.direction = direction;
			this.elapsed = elapsed;
		}

		Builder phase(String phase, double from, double to) {
			return phase(phase, from, Double.valueOf(to));
		}

		Builder phase(String phase, double from, @Nullable Double to) {
			this.phases.add(new PhaseSpan(phase, from, to));
			return this;
		}

		Builder bytes(long bytes) {
			this.bytes = bytes;
			return this;
		}

		Builder renewals(int renewals) {
			this.renewals = renewals;
			return this;
		}

		Builder failed(String kind) {
			this.error = new Failure(kind, "failed");
			return this;
		}

		/** As many ranges from 0, at once. */
		Builder ranges(int count, double from, double millis) {
			for (int i = 0; i < count; i++) {
				range(i, from, from + millis, 8 * MB, false, "complete");
				this.bytes += 8 * MB;
			}
			return this;
		}

		/** As many ranges from 1, one after the other. */
		Builder inTurn(int count, double millis) {
			for (int i = 0; i < count; i++) {
				range(i + 1, i * millis, (i + 1) * millis, 8 * MB, false, "complete");
			}
			return this;
		}

		Builder range(int index, double from, double to, long bytes, boolean hedge, String outcome) {
			boolean complete = "complete".equals(outcome);
			return request("range", index, from, from, complete ? Double.valueOf(from) : null, to, bytes, hedge,
					complete ? 206 : null, outcome);
		}

		Builder part(int index, double from, double to) {
			return request("part", index, from, from, to, to, 8 * MB, false, 200, "complete");
		}

		Builder object(double from, double to, long bytes) {
			return request("object", 0, from, from, from, to, bytes, false, 200, "complete");
		}

		Builder busy(double from, double to, int status) {
			return request("range", 0, from, from, to, to, 0, false, status, "complete");
		}

		Builder queued(int index, double queued, double sent, double to) {
			return request("range", index, queued, sent, sent, to, 8 * MB, false, 206, "complete");
		}

		Builder late(double from, double answered, double to) {
			return request("range", 0, from, from, answered, to, 8 * MB, false, 206, "complete");
		}

		Builder brokenOff(int index, double from, double to) {
			return request("range", index, from, from, from + 10, to, 1000, false, 206, "failed");
		}

		Builder neverSent(int index, double queued, double to) {
			return request("range", index, queued, null, null, to, 0, false, null, "timed_out");
		}

		Builder open(int index, double queued, @Nullable Double sent, @Nullable Double answered) {
			return request("range", index, queued, sent, answered, null, 0, false, null, "running");
		}

		Builder openPart(int index, double sent) {
			return request("part", index, sent, sent, null, null, 0, false, null, "running");
		}

		private Builder request(String purpose, int index, double queued, @Nullable Double sent,
				@Nullable Double firstByte, @Nullable Double end, long bytes, boolean hedge, @Nullable Integer status,
				String outcome) {
			this.requests.add(new Request(this.requests.size() + 1, purpose, index, 0, -1, hedge, queued, sent,
					firstByte, end, bytes, status, outcome, null, null));
			return this;
		}

		TransferTimeline build(String state) {
			return new TransferTimeline("0123456789abcdef", this.direction, state, "s3", null, 0,
					"2026-11-30T12:00:00Z", this.elapsed, null, null, this.bytes, null, this.requests.size(), 0, 0,
					this.renewals, null, null, this.error, null, null, this.phases, this.requests, List.of(), 0);
		}

		@Override
		public String toString() {
			return this.direction;
		}

	}

}
