/**
 * Metrics and traces of transfers and calls.
 */
@NullMarked
package dev.vgi.external.observation;

import org.jspecify.annotations.NullMarked;
