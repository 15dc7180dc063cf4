/**
 * Calls over Spring MVC: routes, statuses, headers, and tokens in which callers keep the
 * state of streams.
 */
@NullMarked
package dev.vgi.external.rpc.server.http;

import org.jspecify.annotations.NullMarked;
