/**
 * The API that users of typed vgi-rpc methods write against.
 */
@NullMarked
package dev.vgi.external.rpc;

import org.jspecify.annotations.NullMarked;
