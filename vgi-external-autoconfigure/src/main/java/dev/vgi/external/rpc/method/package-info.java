/**
 * Descriptors, kinds and signatures of typed methods, found by reflection.
 */
@Internal
@NullMarked
package dev.vgi.external.rpc.method;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
