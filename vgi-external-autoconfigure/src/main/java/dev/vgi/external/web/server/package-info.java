/**
 * The server's side of the protocol's HTTP: upload URLs, capabilities, content codings.
 */
@NullMarked
package dev.vgi.external.web.server;

import org.jspecify.annotations.NullMarked;
