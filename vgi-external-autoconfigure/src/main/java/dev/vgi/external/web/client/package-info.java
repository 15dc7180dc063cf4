/**
 * The client side of the protocol over HTTP: addresses, capabilities, large inputs and
 * the tokens of streams.
 */
@NullMarked
package dev.vgi.external.web.client;

import org.jspecify.annotations.NullMarked;
