/**
 * Typed vgi-rpc methods over Spring MVC and HTTP interfaces.
 */
@NullMarked
package dev.vgi.external.rpc;

import org.jspecify.annotations.NullMarked;
