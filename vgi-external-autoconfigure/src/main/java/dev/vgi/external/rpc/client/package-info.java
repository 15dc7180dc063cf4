/**
 * Typed methods over Spring's HTTP interface clients.
 */
@NullMarked
package dev.vgi.external.rpc.client;

import org.jspecify.annotations.NullMarked;
