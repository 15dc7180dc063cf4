/**
 * What a typed method is: its descriptor, kind and signature, found by reflection.
 */
@NullMarked
package dev.vgi.external.rpc.method;

import org.jspecify.annotations.NullMarked;
