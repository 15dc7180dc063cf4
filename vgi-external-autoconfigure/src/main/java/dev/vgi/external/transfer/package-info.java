/**
 * What happens to a transfer beside its bytes: when it is tried again, and what listeners
 * are told.
 */
@NullMarked
package dev.vgi.external.transfer;

import org.jspecify.annotations.NullMarked;
