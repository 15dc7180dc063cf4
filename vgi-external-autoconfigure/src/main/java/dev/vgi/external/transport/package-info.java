/**
 * Carries bytes to and from storage over HTTP.
 */
@NullMarked
package dev.vgi.external.transport;

import org.jspecify.annotations.NullMarked;
