/**
 * Which storage the settings select, and what follows for the clients of both clouds.
 */
@NullMarked
package dev.vgi.external.autoconfigure.selection;

import org.jspecify.annotations.NullMarked;
