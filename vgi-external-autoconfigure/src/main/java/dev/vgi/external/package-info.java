/**
 * Oversized Arrow batches through object storage; this package holds what every room
 * shares, the parent of all errors.
 */
@NullMarked
package dev.vgi.external;

import org.jspecify.annotations.NullMarked;
