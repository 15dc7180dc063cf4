/**
 * Spring Boot auto-configuration.
 */
@NullMarked
package dev.vgi.external.autoconfigure;

import org.jspecify.annotations.NullMarked;
