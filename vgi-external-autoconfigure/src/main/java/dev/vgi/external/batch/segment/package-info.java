/**
 * The batches of an Arrow reader, and how they become segments.
 */
@NullMarked
package dev.vgi.external.batch.segment;

import org.jspecify.annotations.NullMarked;
