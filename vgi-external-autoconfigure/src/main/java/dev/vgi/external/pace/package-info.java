/**
 * How fast a process sends requests to one place of the network, and which further ones
 * it sends.
 */
@NullMarked
package dev.vgi.external.pace;

import org.jspecify.annotations.NullMarked;
