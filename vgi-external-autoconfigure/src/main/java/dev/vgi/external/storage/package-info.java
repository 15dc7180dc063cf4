/**
 * What a storage backend must do.
 */
@NullMarked
package dev.vgi.external.storage;

import org.jspecify.annotations.NullMarked;
