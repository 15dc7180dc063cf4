package dev.vgi.external.autoconfigure.actuate;

import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.storage.ExternalStorage;

import org.springframework.boot.actuate.info.Info;
import org.springframework.boot.actuate.info.InfoContributor;

/**
 * {@link InfoContributor} that tells which version of this library runs, and what becomes
 * of large batches.
 */
final class VgiExternalInfoContributor implements InfoContributor {

	/** The version of classes that are not in a jar. */
	private static final String UNKNOWN = "unknown";

	private final ExternalLocationConfig config;

	VgiExternalInfoContributor(ExternalLocationConfig config) {
		this.config = config;
	}

	@Override
	public void contribute(Info.Builder builder) {
		Map<String, Object> details = new LinkedHashMap<>();
		details.put("version", version());
		ExternalStorage storage = this.config.storage();
		details.put("storage", (storage != null) ? storage.name() : "none");
		if (storage != null) {
			details.put("externalizeThreshold", this.config.externalizeThreshold());
			Compression compression = this.config.compression();
			details.put("compression", (compression != null) ? "zstd" : "none");
		}
		builder.withDetail("vgiExternal", details);
	}

	private static String version() {
		String version = VgiExternalException.class.getPackage().getImplementationVersion();
		return (version != null) ? version : UNKNOWN;
	}

}
