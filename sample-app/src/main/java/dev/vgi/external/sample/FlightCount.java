package dev.vgi.external.sample;

/**
 * What a stream of flights starts with.
 *
 * @param flights how many flights it has
 */
public record FlightCount(long flights) {

}
