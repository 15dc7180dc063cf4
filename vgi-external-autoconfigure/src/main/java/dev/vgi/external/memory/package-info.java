/**
 * Bounded, pooled off-heap memory.
 */
@NullMarked
package dev.vgi.external.memory;

import org.jspecify.annotations.NullMarked;
