/**
 * Calls over Spring MVC: routes, statuses, headers, and tokens in which callers keep the
 * state of streams.
 */
@Internal
@NullMarked
package dev.vgi.external.rpc.server.http;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
