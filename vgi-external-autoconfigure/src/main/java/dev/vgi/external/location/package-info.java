/**
 * Turns batches into pointers and pointers into batches.
 */
@NullMarked
package dev.vgi.external.location;

import org.jspecify.annotations.NullMarked;
