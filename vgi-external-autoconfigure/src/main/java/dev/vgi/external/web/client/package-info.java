/**
 * The caller's side of the protocol's HTTP: capabilities, large inputs, pointers.
 */
@NullMarked
package dev.vgi.external.web.client;

import org.jspecify.annotations.NullMarked;
