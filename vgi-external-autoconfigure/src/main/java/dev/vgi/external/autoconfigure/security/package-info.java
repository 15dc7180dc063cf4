/**
 * Request matchers and an entry point for applications with Spring Security.
 */
@NullMarked
package dev.vgi.external.autoconfigure.security;

import org.jspecify.annotations.NullMarked;
