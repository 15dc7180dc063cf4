/**
 * The clock, the timer and the deadlines of transfers.
 */
@NullMarked
package dev.vgi.external.time;

import org.jspecify.annotations.NullMarked;
