/**
 * Amazon S3 and compatible stores.
 */
@NullMarked
package dev.vgi.external.storage.s3;

import org.jspecify.annotations.NullMarked;
