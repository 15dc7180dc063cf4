/**
 * Bounded, pooled off-heap memory, and the running transfers that share it.
 */
@NullMarked
package dev.vgi.external.memory;

import org.jspecify.annotations.NullMarked;
