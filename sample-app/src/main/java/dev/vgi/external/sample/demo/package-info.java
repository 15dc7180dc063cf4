/**
 * A client that calls the service and tells what travelled how.
 */
@NullMarked
package dev.vgi.external.sample.demo;

import org.jspecify.annotations.NullMarked;
