/**
 * The server side of the protocol over HTTP: upload URLs, capabilities, content codings.
 */
@Internal
@NullMarked
package dev.vgi.external.web.server;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
