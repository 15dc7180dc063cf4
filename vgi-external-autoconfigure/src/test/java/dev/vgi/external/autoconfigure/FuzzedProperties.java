package dev.vgi.external.autoconfigure;

import java.net.URI;

import dev.vgi.external.url.AllowedUrlValidator;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedProperties {

	private FuzzedProperties() {
	}

	/**
	 * Derive what the auto-configurations derive of settings that were accepted.
	 */
	public static void use(Object properties) {
		if (properties instanceof VgiExternalProperties all) {
			all.maxUploadSize();
			all.segmentSize(1 << 20);
			use(all.fetch());
			use(all.limits());
			use(all.local());
			use(all.url());
			use(all.client().url());
		}
		else if (properties instanceof VgiExternalProperties.Fetch fetch) {
			fetch.toConfig();
		}
		else if (properties instanceof VgiExternalProperties.Limits limits) {
			limits.toReadLimits();
		}
		else if (properties instanceof VgiExternalProperties.Local local) {
			local.path();
		}
		else if (properties instanceof VgiRpcProperties rpc) {
			rpc.toKeys();
			rpc.servesPipes();
			rpc.unix().file();
			rpc.unix().permissions();
		}
		else if (properties instanceof VgiExternalProperties.Url url && isSound(url)) {
			AllowedUrlValidator policy = url.toPolicy(true, (each) -> false, "vgi.external.url");
			policy.describe();
			policy.admitsPrivateAddresses(URI.create("https://storage.example/object"));
		}
	}

	// Bound alone, it has not been checked yet.
	private static boolean isSound(VgiExternalProperties.Url url) {
		try {
			url.toPolicy(false, (each) -> false, "vgi.external.url");
			return true;
		}
		catch (IllegalArgumentException ex) {
			return false;
		}
	}

}
