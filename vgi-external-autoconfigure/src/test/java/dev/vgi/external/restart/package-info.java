/**
 * An application that is restarted by devtools, in a process of its own.
 */
@NullMarked
package dev.vgi.external.restart;

import org.jspecify.annotations.NullMarked;
