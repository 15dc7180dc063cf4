package dev.vgi.external.autoconfigure;

import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.url.AllowedUrlValidator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.web.context.reactive.ConfigurableReactiveWebEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;

/**
 * Logs the effective configuration once, and refuses a start if objects would be stored
 * that no one serves.
 */
final class StartReport implements SmartInitializingSingleton {

	private static final Log logger = LogFactory.getLog(StartReport.class);

	private static final String SECURITY = "org.springframework.security.web.SecurityFilterChain";

	private static final long KB = 1L << 10;

	private static final long MB = 1L << 20;

	private final VgiExternalProperties properties;

	private final ExternalLocationConfig config;

	private final long budget;

	private final boolean servesHttp;

	private final boolean servesPipes;

	private final Environment environment;

	/**
	 * Create a report.
	 * @param properties the settings
	 * @param config the resulting configuration
	 * @param budget bytes of all transfers
	 * @param servesHttp whether this application includes the server side over HTTP
	 * @param servesPipes whether this application serves over pipes
	 * @param environment tells the type of the application
	 */
	StartReport(VgiExternalProperties properties, ExternalLocationConfig config, long budget, boolean servesHttp,
			boolean servesPipes, Environment environment) {
		this.properties = properties;
		this.config = config;
		this.budget = budget;
		this.servesHttp = servesHttp;
		this.servesPipes = servesPipes;
		this.environment = environment;
	}

	@Override
	public void afterSingletonsInstantiated() {
		if (this.config.storage() != null && !this.servesHttp) {
			requireServer();
		}
		logger.info(batches() + "; budget " + size(this.budget)
				+ ((this.servesHttp || this.servesPipes) ? "; callers may send pointers to " + pointers() : ""));
		if (this.config.storage() != null && this.properties.binding() != VgiExternalProperties.Binding.NONE) {
			reportBinding();
		}
	}

	private void reportBinding() {
		boolean ofTenants = this.properties.binding() == VgiExternalProperties.Binding.TENANT;
		String owner = ofTenants ? "tenant" : "principal";
		String notBound = "";
		if (!(this.config.urlValidator() instanceof AllowedUrlValidator)) {
			notBound = "; not bound is what else the application's UrlValidator accepts";
		}
		else if (!this.properties.url().allowedHosts().isEmpty()) {
			notBound = "; not bound are pointers to vgi.external.url.allowed-hosts";
		}
		logger.info("Pointers are bound: a caller may send those to objects of this storage that were stored for its "
				+ owner + "; callers without a " + owner + " are one, anonymous" + notBound);
		if (!ofTenants && !ClassUtils.isPresent(SECURITY, null)) {
			logger.warn("Pointers are bound to principals, but Spring Security is not on the class path: unless the web"
					+ " server or a filter tells who its callers are, all of them are the anonymous one and share"
					+ " their pointers");
		}
	}

	private void requireServer() {
		if (this.environment instanceof ConfigurableReactiveWebEnvironment && !this.servesPipes) {
			throw new StartRefusedException(
					"This application uses WebFlux, whose handlers neither read nor write Arrow: nothing would go to"
							+ " storage or be served from it.",
					"Use Spring MVC (spring-boot-starter-webmvc, without spring-boot-starter-webflux or with"
							+ " spring.main.web-application-type=servlet). If this application only calls others, set"
							+ " vgi.external.storage to none.");
		}
		boolean used = this.servesPipes || this.properties.storage() == StorageType.LOCAL;
		if (used && this.config.storage() instanceof LocalStorage && this.properties.local().baseUrl() == null) {
			throw new StartRefusedException(
					"The storage is a local folder, but this application has no web server with Spring MVC that could"
							+ " serve what is stored.",
					"Set vgi.external.local.base-url to the URL of a service that shares the folder, use another"
							+ " storage, or set vgi.external.storage to none.");
		}
	}

	private String batches() {
		ExternalStorage storage = this.config.storage();
		if (storage != null) {
			return "Batches from " + size(this.config.externalizeThreshold()) + " go to " + storage.describe();
		}
		if (StorageSelection.isInlineWithoutWebServer(this.environment)) {
			String why = ": there is no bucket, and no web server that could serve a local folder";
			return this.servesPipes ? "Batches travel inline" + why
					: "Nothing is stored" + why + "; calls resolve pointers and use upload URLs";
		}
		return "Batches travel inline"
				+ (this.properties.enabled() ? ": there is no storage" : " only: vgi.external.enabled is false");
	}

	private String pointers() {
		if (!this.properties.enabled()) {
			return "nothing";
		}
		if (!(this.config.urlValidator() instanceof AllowedUrlValidator policy)) {
			return "what the application's UrlValidator accepts";
		}
		return (this.config.storage() != null) ? "this storage and " + policy.describe() : policy.describe();
	}

	private static String size(long bytes) {
		if (bytes % MB == 0 || bytes > 10 * MB) {
			return bytes / MB + " MB";
		}
		return (bytes % KB == 0) ? bytes / KB + " KB" : bytes + " bytes";
	}

}
