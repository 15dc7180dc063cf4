package dev.vgi.external.sample;

/**
 * The header of a stream of flights.
 *
 * @param flights number of flights in the stream
 */
public record FlightCount(long flights) {

}
