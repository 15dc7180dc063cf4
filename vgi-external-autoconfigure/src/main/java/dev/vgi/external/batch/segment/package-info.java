/**
 * The batches of an Arrow reader, and how they become segments.
 */
@Internal
@NullMarked
package dev.vgi.external.batch.segment;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
