/**
 * Google Cloud Storage.
 */
@NullMarked
package dev.vgi.external.storage.gcs;

import org.jspecify.annotations.NullMarked;
