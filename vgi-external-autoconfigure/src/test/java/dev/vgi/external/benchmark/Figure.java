package dev.vgi.external.benchmark;

import java.util.Arrays;

/**
 * One measured figure.
 *
 * @param name kebab-case
 * @param value the median of the samples
 * @param unit of value and target
 * @param target what is to be reached
 * @param met whether it is
 * @param samples every sample, in order
 */
record Figure(String name, double value, String unit, double target, boolean met, double[] samples) {

	static Figure atMost(String name, String unit, double target, double... samples) {
		double value = median(samples);
		return new Figure(name, value, unit, target, value <= target, samples);
	}

	static Figure atLeast(String name, String unit, double target, double... samples) {
		double value = median(samples);
		return new Figure(name, value, unit, target, value >= target, samples);
	}

	static double median(double... samples) {
		double[] sorted = samples.clone();
		Arrays.sort(sorted);
		return sorted[sorted.length / 2];
	}

}
