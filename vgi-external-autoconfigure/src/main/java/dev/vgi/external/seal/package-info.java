/**
 * Texts that callers keep for a service and can neither read nor change.
 */
@NullMarked
package dev.vgi.external.seal;

import org.jspecify.annotations.NullMarked;
