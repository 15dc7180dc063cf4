package dev.vgi.external.storage.health;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The result of a {@link StorageCheck}.
 *
 * @param up whether transfers can work
 * @param details the results by name, in the order of the checks; without secrets
 */
public record StorageReport(boolean up, Map<String, Object> details) {

	public StorageReport {
		details = new LinkedHashMap<>(details);
	}

}
