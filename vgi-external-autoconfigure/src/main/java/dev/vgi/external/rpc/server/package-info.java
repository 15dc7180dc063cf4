/**
 * Typed methods over Spring MVC: dispatch, turns and tokens, reflection.
 */
@NullMarked
package dev.vgi.external.rpc.server;

import org.jspecify.annotations.NullMarked;
