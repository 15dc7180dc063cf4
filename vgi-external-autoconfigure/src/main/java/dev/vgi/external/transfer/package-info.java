/**
 * Retries of transfers, and the listeners that are told about transfers.
 */
@NullMarked
package dev.vgi.external.transfer;

import org.jspecify.annotations.NullMarked;
