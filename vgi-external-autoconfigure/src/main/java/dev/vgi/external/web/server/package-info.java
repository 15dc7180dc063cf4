/**
 * The server side of the protocol over HTTP: upload URLs, capabilities, content codings.
 */
@NullMarked
package dev.vgi.external.web.server;

import org.jspecify.annotations.NullMarked;
