/**
 * The bytes of one connection that is no HTTP: the standard streams of a process, or a
 * Unix socket.
 */
@Internal
@NullMarked
package dev.vgi.external.rpc.pipe;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
