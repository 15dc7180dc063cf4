/**
 * Maps Java types to Arrow and back, for parameters, results and rows of typed methods.
 */
@Internal
@NullMarked
package dev.vgi.external.rpc.mapping;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
