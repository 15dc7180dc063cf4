/**
 * Arrow IPC streams whose batches carry their own metadata.
 */
@NullMarked
package dev.vgi.external.batch;

import org.jspecify.annotations.NullMarked;
