/**
 * Where the bucket is: connection details, those of containers among them, and the
 * clients that are made from them.
 */
@NullMarked
package dev.vgi.external.autoconfigure.connection;

import org.jspecify.annotations.NullMarked;
