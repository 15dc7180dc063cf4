/**
 * A simulated network in virtual time, to judge how transfers behave on networks that
 * push back.
 */
@NullMarked
package dev.vgi.external.network;

import org.jspecify.annotations.NullMarked;
