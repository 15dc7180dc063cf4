/**
 * The service that the reference's own conformance suite calls.
 */
@NullMarked
package dev.vgi.external.conformance;

import org.jspecify.annotations.NullMarked;
