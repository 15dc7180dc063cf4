package dev.vgi.external.transport;

import org.apache.hc.core5.http.HttpHost;

/**
 * What connections may be shared for: a connection to a private address must not serve an
 * exchange that has to stay on public ones.
 *
 * @param host scheme, host and port
 * @param publicOnly whether the host's address has to be public
 */
record Route(HttpHost host, boolean publicOnly) {

}
