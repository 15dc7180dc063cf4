/**
 * Calls of a service as its caller sees them: inputs, log messages, errors, pointers and
 * streams, whatever transport carries them.
 */
@NullMarked
package dev.vgi.external.call;

import org.jspecify.annotations.NullMarked;
