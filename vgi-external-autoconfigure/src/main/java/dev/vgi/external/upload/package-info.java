/**
 * Turns a gathered batch into stored bytes: digest, content coding and parts, within
 * bounded memory.
 */
@NullMarked
package dev.vgi.external.upload;

import org.jspecify.annotations.NullMarked;
