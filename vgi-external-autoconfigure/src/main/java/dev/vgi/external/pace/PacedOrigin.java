package dev.vgi.external.pace;

/**
 * What one place of the network is allowed at one moment.
 *
 * @param origin its scheme, host and port, and its bucket if buckets share the host
 * @param own whether it belongs to the service's own storage
 * @param limited whether it gets fewer requests than is configured
 * @param closed whether nothing succeeds there, so that it gets one request at a time
 * @param window requests that may be in flight
 * @param inFlight requests in flight
 * @param waiting requests that wait for their turn
 * @param requestsPerSecond the rate, or infinity if there is no limit
 * @param retries further attempts that are paid for
 * @param hedges hedges that are paid for
 */
public record PacedOrigin(String origin, boolean own, boolean limited, boolean closed, int window, int inFlight,
		int waiting, double requestsPerSecond, int retries, int hedges) {

}
