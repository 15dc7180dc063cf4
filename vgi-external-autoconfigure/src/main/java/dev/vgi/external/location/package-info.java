/**
 * Batch to pointer, pointer to batch.
 */
@NullMarked
package dev.vgi.external.location;

import org.jspecify.annotations.NullMarked;
