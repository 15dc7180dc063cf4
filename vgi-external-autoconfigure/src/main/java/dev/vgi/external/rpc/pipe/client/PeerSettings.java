package dev.vgi.external.rpc.pipe.client;

import java.time.Duration;

import dev.vgi.external.batch.ReadLimits;

import org.springframework.util.Assert;

/**
 * How to deal with the services at the other ends of pipes.
 *
 * @param startTimeout time from the start of a process, or from the first attempt to
 * connect, to its first answer; positive
 * @param callTimeout time for one answer: a unary result, the opening of a stream with a
 * header, or a turn; positive
 * @param closeGrace time for a process to end by itself, and again after it was asked to;
 * positive
 * @param maxAnswerSize most bytes of one answer, compressed buffers decoded; positive
 * @param readLimits limits on the heap objects created from one answer
 */
record PeerSettings(Duration startTimeout, Duration callTimeout, Duration closeGrace, long maxAnswerSize,
		ReadLimits readLimits) {

	PeerSettings {
		Assert.isTrue(startTimeout.compareTo(Duration.ZERO) > 0, "'startTimeout' must be positive");
		Assert.isTrue(callTimeout.compareTo(Duration.ZERO) > 0, "'callTimeout' must be positive");
		Assert.isTrue(closeGrace.compareTo(Duration.ZERO) > 0, "'closeGrace' must be positive");
		Assert.isTrue(maxAnswerSize > 0, "'maxAnswerSize' must be positive");
		Assert.notNull(readLimits, "'readLimits' must not be null");
	}

}
