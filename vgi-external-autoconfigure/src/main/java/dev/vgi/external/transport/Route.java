package dev.vgi.external.transport;

import org.apache.hc.core5.http.HttpHost;

/**
 * The key by which connections are shared: a connection to a private address must not
 * serve an exchange that is restricted to public ones.
 *
 * @param host scheme, host and port
 * @param publicOnly whether the host's address has to be public
 */
record Route(HttpHost host, boolean publicOnly) {

}
