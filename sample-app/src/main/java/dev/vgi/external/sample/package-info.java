/**
 * A flight-data service that demonstrates the starter.
 */
@NullMarked
package dev.vgi.external.sample;

import org.jspecify.annotations.NullMarked;
