/**
 * Descriptors, kinds and signatures of typed methods, found by reflection.
 */
@NullMarked
package dev.vgi.external.rpc.method;

import org.jspecify.annotations.NullMarked;
