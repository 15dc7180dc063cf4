package dev.vgi.external.benchmark;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

/**
 * One measured figure.
 *
 * @param name kebab-case
 * @param value the median of the samples
 * @param unit of value and target
 * @param target what is to be reached, or {@code null} if it is only reported
 * @param met whether it is, or {@code null}
 * @param samples every sample, in order
 */
record Figure(String name, double value, String unit, @Nullable Double target, @Nullable Boolean met,
		double[] samples) {

	static Figure atMost(String name, String unit, double target, double... samples) {
		double value = median(samples);
		return new Figure(name, value, unit, target, value <= target, samples);
	}

	static Figure atLeast(String name, String unit, double target, double... samples) {
		double value = median(samples);
		return new Figure(name, value, unit, target, value >= target, samples);
	}

	static Figure reported(String name, String unit, double... samples) {
		return new Figure(name, median(samples), unit, null, null, samples);
	}

	Figure withName(String name) {
		return new Figure(name, this.value, this.unit, this.target, this.met, this.samples);
	}

	Figure withoutTarget() {
		return new Figure(this.name, this.value, this.unit, null, null, this.samples);
	}

	static double median(double... samples) {
		double[] sorted = samples.clone();
		Arrays.sort(sorted);
		return sorted[sorted.length / 2];
	}

}
