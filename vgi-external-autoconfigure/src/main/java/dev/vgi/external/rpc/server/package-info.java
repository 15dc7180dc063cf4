/**
 * What a served call of a typed method is, whatever carries it: its request, its context,
 * its turns, its logs, results and errors as batches, and what is observed of it.
 */
@Internal
@NullMarked
package dev.vgi.external.rpc.server;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
