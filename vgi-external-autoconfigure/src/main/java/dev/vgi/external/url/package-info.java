/**
 * URL policies, and what of a URL may be shown.
 */
@NullMarked
package dev.vgi.external.url;

import org.jspecify.annotations.NullMarked;
