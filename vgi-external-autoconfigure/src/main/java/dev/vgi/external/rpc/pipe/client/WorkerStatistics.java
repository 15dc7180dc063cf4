package dev.vgi.external.rpc.pipe.client;

/**
 * How much a worker has to do.
 *
 * @param connections open connections: processes, or connections to a socket
 * @param running calls and open streams, each of which has a connection
 * @param waiting calls that wait for a connection
 * @param failedStarts how often no connection could be opened
 * @param lost connections that ended with a call: the worker died, did not answer in time
 * or sent something that is no answer, or the call was interrupted
 */
public record WorkerStatistics(int connections, int running, int waiting, long failedStarts, long lost) {

}
