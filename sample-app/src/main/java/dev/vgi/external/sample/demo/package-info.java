/**
 * A client that calls the service and shows what was transferred, and how.
 */
@NullMarked
package dev.vgi.external.sample.demo;

import org.jspecify.annotations.NullMarked;
