/**
 * Java types to Arrow and back: how parameters, results and rows of typed methods travel.
 */
@NullMarked
package dev.vgi.external.rpc.mapping;

import org.jspecify.annotations.NullMarked;
