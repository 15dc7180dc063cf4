package dev.vgi.external.pace;

/**
 * What all origins together are allowed at one moment.
 *
 * @param inFlight requests in flight
 * @param waiting requests that wait for their turn
 * @param limited origins that get fewer requests than is configured
 * @param closed origins at which nothing succeeds
 */
public record PaceTotals(int inFlight, int waiting, int limited, int closed) {

}
