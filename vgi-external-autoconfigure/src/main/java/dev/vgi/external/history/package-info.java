/**
 * What transfers do and did: their timelines, and what held them up.
 */
@NullMarked
@Internal
package dev.vgi.external.history;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
