/**
 * Targets for a fuzzer, which reads what strangers may send.
 */
@NullMarked
package dev.vgi.external.fuzz;

import org.jspecify.annotations.NullMarked;
