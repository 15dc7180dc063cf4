/**
 * Checks whether a storage works, and whether its bucket removes old objects.
 */
@Internal
@NullMarked
package dev.vgi.external.storage.health;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
