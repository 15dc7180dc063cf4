/**
 * Tests of the page that shows transfers, in a real browser.
 */
@NullMarked
package dev.vgi.external.sample.page;

import org.jspecify.annotations.NullMarked;
