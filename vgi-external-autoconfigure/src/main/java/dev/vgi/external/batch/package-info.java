/**
 * Arrow IPC streams whose batches carry metadata of their own.
 */
@NullMarked
package dev.vgi.external.batch;

import org.jspecify.annotations.NullMarked;
