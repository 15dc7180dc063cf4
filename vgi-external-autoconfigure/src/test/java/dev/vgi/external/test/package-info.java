/**
 * Support for the tests of applications: a storage in memory, an allocator that notices
 * leaks, and assertions about Arrow data. Published as this module's test jar; needs
 * nothing but JUnit Jupiter, AssertJ and Spring's and Boot's test modules.
 */
@NullMarked
package dev.vgi.external.test;

import org.jspecify.annotations.NullMarked;
