/**
 * Fetches a URL into verified bytes, bounded in memory and time.
 */
@NullMarked
package dev.vgi.external.fetch;

import org.jspecify.annotations.NullMarked;
