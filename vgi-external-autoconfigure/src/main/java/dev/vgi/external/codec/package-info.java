/**
 * Content codings of stored objects and HTTP bodies.
 */
@NullMarked
package dev.vgi.external.codec;

import org.jspecify.annotations.NullMarked;
