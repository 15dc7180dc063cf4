/**
 * Maps Java types to Arrow and back, for parameters, results and rows of typed methods.
 */
@NullMarked
package dev.vgi.external.rpc.mapping;

import org.jspecify.annotations.NullMarked;
