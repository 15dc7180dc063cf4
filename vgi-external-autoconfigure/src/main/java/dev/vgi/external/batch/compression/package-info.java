/**
 * Decodes the compressed buffers of record batches.
 */
@NullMarked
package dev.vgi.external.batch.compression;

import org.jspecify.annotations.NullMarked;
