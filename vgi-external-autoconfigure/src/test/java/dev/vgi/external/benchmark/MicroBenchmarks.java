package dev.vgi.external.benchmark;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs pairs of JMH benchmarks in forks that take turns, so that what disturbs the one
 * disturbs the other. Forks have this process's class path and arguments.
 *
 * @param rounds how many forks each of a pair gets
 * @param warmUp how often a fork tries before it measures
 * @param iterations how often a fork measures
 * @param iteration how long each time
 */
record MicroBenchmarks(int rounds, int warmUp, int iterations, TimeValue iteration) {

	/**
	 * Measure a pair.
	 * @param type the class of both
	 * @param measured name of the method of interest
	 * @param reference name of the method it is compared with
	 * @return the time of each
	 * @throws RunnerException if one of them fails
	 */
	Pair run(Class<?> type, String measured, String reference) throws RunnerException {
		Pair pair = new Pair(new double[this.rounds], new double[this.rounds]);
		for (int i = 0; i < this.rounds; i++) {
			pair.measured[i] = fork(type, measured);
			pair.reference[i] = fork(type, reference);
		}
		return pair;
	}

	private double fork(Class<?> type, String method) throws RunnerException {
		Options options = new OptionsBuilder().include("^" + Pattern.quote(type.getName() + "." + method) + "$")
			.forks(1)
			// Without Boot, Logback writes all that Arrow says.
			.jvmArgsAppend("-Dslf4j.provider=org.slf4j.helpers.NOP_FallbackServiceProvider",
					"-Dslf4j.internal.verbosity=WARN")
			.warmupIterations(this.warmUp)
			.warmupTime(this.iteration)
			.measurementIterations(this.iterations)
			.measurementTime(this.iteration)
			.shouldFailOnError(true)
			.build();
		// Of interest only if something goes wrong.
		ByteArrayOutputStream output = new ByteArrayOutputStream();
		PrintStream printed = new PrintStream(output, true, StandardCharsets.UTF_8);
		try {
			return new Runner(options, OutputFormatFactory.createFormatInstance(printed, VerboseMode.NORMAL))
				.runSingle()
				.getPrimaryResult()
				.getScore();
		}
		catch (RunnerException ex) {
			System.out.println(output.toString(StandardCharsets.UTF_8));
			throw ex;
		}
	}

	/**
	 * What a pair of benchmarks took.
	 *
	 * @param measured seconds, a fork each
	 * @param reference seconds, a fork each
	 */
	record Pair(double[] measured, double[] reference) {

		double[] timesTheTime() {
			return divide(this.measured, this.reference);
		}

		double[] timesAsFast() {
			return divide(this.reference, this.measured);
		}

		private static double[] divide(double[] dividends, double[] divisors) {
			double[] quotients = new double[dividends.length];
			for (int i = 0; i < quotients.length; i++) {
				quotients[i] = dividends[i] / divisors[i];
			}
			return quotients;
		}

	}

}
