/**
 * Moves oversized Arrow batches through object storage. This package holds what all
 * others share: the base class of all errors.
 */
@NullMarked
package dev.vgi.external;

import org.jspecify.annotations.NullMarked;
