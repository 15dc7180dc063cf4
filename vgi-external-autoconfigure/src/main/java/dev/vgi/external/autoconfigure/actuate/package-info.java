/**
 * Endpoints for Actuator: what transfers do and did.
 */
@Internal
@NullMarked
package dev.vgi.external.autoconfigure.actuate;

import dev.vgi.external.Internal;
import org.jspecify.annotations.NullMarked;
