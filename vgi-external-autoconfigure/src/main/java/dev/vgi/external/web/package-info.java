/**
 * Arrow streams as HTTP bodies.
 */
@NullMarked
package dev.vgi.external.web;

import org.jspecify.annotations.NullMarked;
