/**
 * What users write and read of typed vgi-rpc methods.
 */
@NullMarked
package dev.vgi.external.rpc;

import org.jspecify.annotations.NullMarked;
