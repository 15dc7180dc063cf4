/**
 * Calls of services on the other end of a pipe: workers that were started for that, and
 * services behind Unix sockets.
 */
@NullMarked
package dev.vgi.external.rpc.pipe.client;

import org.jspecify.annotations.NullMarked;
