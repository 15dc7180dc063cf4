/**
 * Metrics and traces of what travelled how.
 */
@NullMarked
package dev.vgi.external.observation;

import org.jspecify.annotations.NullMarked;
