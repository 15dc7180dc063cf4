/**
 * What happens to a transfer beside its bytes: when it is tried again.
 */
@NullMarked
package dev.vgi.external.transfer;

import org.jspecify.annotations.NullMarked;
