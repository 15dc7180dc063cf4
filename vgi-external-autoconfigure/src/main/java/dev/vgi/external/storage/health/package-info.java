/**
 * Checks whether a storage works, and whether its bucket removes old objects.
 */
@NullMarked
package dev.vgi.external.storage.health;

import org.jspecify.annotations.NullMarked;
