/**
 * The interfaces of storage backends.
 */
@NullMarked
package dev.vgi.external.storage;

import org.jspecify.annotations.NullMarked;
