/**
 * The serving side of a connection that is no HTTP: its calls, one after the other.
 */
@Internal
@NullMarked
package dev.vgi.external.rpc.pipe.server;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
