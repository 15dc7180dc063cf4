/**
 * The process side of serving on standard streams.
 */
@Internal
@NullMarked
package dev.vgi.external.autoconfigure.stdio;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
