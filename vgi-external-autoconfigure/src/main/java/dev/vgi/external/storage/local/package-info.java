/**
 * A folder of this machine as storage, served by the service itself.
 */
@NullMarked
package dev.vgi.external.storage.local;

import org.jspecify.annotations.NullMarked;
