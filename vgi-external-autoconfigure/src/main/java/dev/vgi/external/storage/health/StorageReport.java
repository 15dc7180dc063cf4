package dev.vgi.external.storage.health;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a {@link StorageCheck} found.
 *
 * @param up whether transfers can work
 * @param details what was looked at, by name and in order; without secrets
 */
public record StorageReport(boolean up, Map<String, Object> details) {

	public StorageReport {
		details = new LinkedHashMap<>(details);
	}

}
