/**
 * Values and settings with which an application does not start, and how that is told.
 */
@Internal
@NullMarked
package dev.vgi.external.autoconfigure.start;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
