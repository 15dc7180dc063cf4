package dev.vgi.external.storage.local;

import java.nio.file.Path;
import java.time.Duration;

import org.springframework.util.Assert;

/**
 * Settings of a {@link LocalStorage}.
 *
 * @param directory the folder; created if it is missing, together with its parents
 * @param ofOneUser whether the folder has to be owned by this user, must not be a link
 * and must not be writable by others, as below a folder for temporary files, where anyone
 * could have prepared it; otherwise it only must not be writable by everyone, so that a
 * group may share it
 * @param urlExpiry how long a download URL works, at least a second; 1 h
 * @param uploadUrlExpiry how long both URLs of a vended pair work, at least a second; 15
 * min
 * @param retention age from which an object is removed, counted from the last link to it
 * that was signed; at least as long as its URLs work; {@code urlExpiry} and 10 min
 * @param maxTotalSize most bytes of all objects together, positive; 10 GiB
 * @param maxUploadSize most bytes of one object sent to a vended upload URL, positive;
 * 256 MiB
 */
public record LocalStorageSettings(Path directory, boolean ofOneUser, Duration urlExpiry, Duration uploadUrlExpiry,
		Duration retention, long maxTotalSize, long maxUploadSize) {

	private static final Duration SHORTEST = Duration.ofSeconds(1);

	/** For transfers that begin just before their URL expires. */
	private static final Duration MARGIN = Duration.ofMinutes(10);

	public LocalStorageSettings {
		Assert.notNull(directory, "'directory' must not be null");
		Assert.isTrue(urlExpiry.compareTo(SHORTEST) >= 0, "'urlExpiry' must be at least a second");
		Assert.isTrue(uploadUrlExpiry.compareTo(SHORTEST) >= 0, "'uploadUrlExpiry' must be at least a second");
		Assert.isTrue(retention.compareTo(urlExpiry) >= 0 && retention.compareTo(uploadUrlExpiry) >= 0,
				"'retention' must not be shorter than the URLs work");
		Assert.isTrue(maxTotalSize > 0, "'maxTotalSize' must be positive");
		Assert.isTrue(maxUploadSize > 0, "'maxUploadSize' must be positive");
	}

	/**
	 * Return the defaults for a folder.
	 * @param directory the folder
	 * @return settings with every other component at its default
	 */
	public static LocalStorageSettings of(Path directory) {
		Duration urlExpiry = Duration.ofHours(1);
		return new LocalStorageSettings(directory, false, urlExpiry, Duration.ofMinutes(15), urlExpiry.plus(MARGIN),
				10L << 30, 256L << 20);
	}

	/**
	 * Return a copy with another {@code ofOneUser}.
	 * @param ofOneUser whether the folder has to be owned by this user, must not be a
	 * link and must not be writable by others, as below a folder for temporary files,
	 * where anyone could have prepared it
	 * @return the copy
	 */
	public LocalStorageSettings withOfOneUser(boolean ofOneUser) {
		return new LocalStorageSettings(this.directory, ofOneUser, this.urlExpiry, this.uploadUrlExpiry, this.retention,
				this.maxTotalSize, this.maxUploadSize);
	}

	/**
	 * Return a copy with another {@code urlExpiry}. If the {@code retention} would be too
	 * short for it, it becomes ten minutes longer than the URLs work.
	 * @param urlExpiry how long a download URL works, at least a second
	 * @return the copy
	 */
	public LocalStorageSettings withUrlExpiry(Duration urlExpiry) {
		return new LocalStorageSettings(this.directory, this.ofOneUser, urlExpiry, this.uploadUrlExpiry,
				retentionFor(urlExpiry), this.maxTotalSize, this.maxUploadSize);
	}

	/**
	 * Return a copy with another {@code uploadUrlExpiry}. If the {@code retention} would
	 * be too short for it, it becomes ten minutes longer than the URLs work.
	 * @param uploadUrlExpiry how long both URLs of a vended pair work, at least a second
	 * @return the copy
	 */
	public LocalStorageSettings withUploadUrlExpiry(Duration uploadUrlExpiry) {
		return new LocalStorageSettings(this.directory, this.ofOneUser, this.urlExpiry, uploadUrlExpiry,
				retentionFor(uploadUrlExpiry), this.maxTotalSize, this.maxUploadSize);
	}

	private Duration retentionFor(Duration expiry) {
		return (this.retention.compareTo(expiry) < 0) ? expiry.plus(MARGIN) : this.retention;
	}

	/**
	 * Return a copy with another {@code retention}.
	 * @param retention age from which an object is removed; at least as long as its URLs
	 * work
	 * @return the copy
	 */
	public LocalStorageSettings withRetention(Duration retention) {
		return new LocalStorageSettings(this.directory, this.ofOneUser, this.urlExpiry, this.uploadUrlExpiry, retention,
				this.maxTotalSize, this.maxUploadSize);
	}

	/**
	 * Return a copy with another {@code maxTotalSize}.
	 * @param maxTotalSize most bytes of all objects together, positive
	 * @return the copy
	 */
	public LocalStorageSettings withMaxTotalSize(long maxTotalSize) {
		return new LocalStorageSettings(this.directory, this.ofOneUser, this.urlExpiry, this.uploadUrlExpiry,
				this.retention, maxTotalSize, this.maxUploadSize);
	}

	/**
	 * Return a copy with another {@code maxUploadSize}.
	 * @param maxUploadSize most bytes of one object sent to a vended upload URL, positive
	 * @return the copy
	 */
	public LocalStorageSettings withMaxUploadSize(long maxUploadSize) {
		return new LocalStorageSettings(this.directory, this.ofOneUser, this.urlExpiry, this.uploadUrlExpiry,
				this.retention, this.maxTotalSize, maxUploadSize);
	}

}
