/**
 * The client side of the protocol over HTTP: capabilities, large inputs, pointers.
 */
@NullMarked
package dev.vgi.external.web.client;

import org.jspecify.annotations.NullMarked;
