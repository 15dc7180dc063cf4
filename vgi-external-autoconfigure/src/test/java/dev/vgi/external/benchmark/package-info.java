/**
 * Ratios to limits measured in the same run; not tests.
 */
@NullMarked
package dev.vgi.external.benchmark;

import org.jspecify.annotations.NullMarked;
