/**
 * A flight-data service that shows what the starter does.
 */
@NullMarked
package dev.vgi.external.sample;

import org.jspecify.annotations.NullMarked;
