package dev.vgi.external.conformance;

import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;

/**
 * The worker that the reference's conformance suite drives: an ordinary application that
 * uses what the starter configures. Its flags are the suite's; each becomes a setting a
 * user could make. Prints {@code PORT:<n>} once it listens, {@code UNIX:<path>} on a
 * socket, and nothing where standard output is the protocol's.
 */
public final class ConformanceWorker {

	/**
	 * What the shell calls wrong usage: the suite then skips the cases that need the
	 * flag.
	 */
	private static final int USAGE = 64;

	/** The origin of the suite's own browser. */
	private static final String SUITE_ORIGIN = "https://conformance.example";

	private static final Map<String, String> SETTINGS = Map.ofEntries(Map.entry("--port", "server.port"),
			Map.entry("--storage", "vgi.external.storage"), Map.entry("--page-origin", "app.page-origins"),
			Map.entry("--fake-storage", "conformance.fake-storage"),
			Map.entry("--externalize-threshold", "vgi.external.externalize-threshold"),
			Map.entry("--segment-size", "vgi.external.segment-size"),
			Map.entry("--max-request-bytes", "vgi.rpc.max-request-size"),
			Map.entry("--max-response-bytes", "vgi.rpc.max-response-size"),
			Map.entry("--max-externalized-response-bytes", "vgi.rpc.max-externalized-response-size"),
			Map.entry("--max-upload-bytes", "vgi.external.upload-url.max-upload-size"),
			Map.entry("--max-fetch-bytes", "vgi.external.fetch.max-fetch-size"),
			Map.entry("--max-decompressed-fetch-bytes", "vgi.external.fetch.max-decompressed-size"),
			Map.entry("--compression", "vgi.external.compression.algorithm"),
			Map.entry("--token-key", "vgi.rpc.token-keys"));

	private ConformanceWorker() {
	}

	public static void main(String[] args) {
		List<String> properties = properties(args);
		if (properties == null) {
			System.exit(USAGE);
			return;
		}
		ConfigurableApplicationContext context = new SpringApplication(Application.class)
			.run(properties.toArray(String[]::new));
		String port = context.getEnvironment().getProperty("local.server.port");
		String path = context.getEnvironment().getProperty("vgi.rpc.unix.path");
		if (port != null || path != null) {
			System.out.println((port != null) ? "PORT:" + port : "UNIX:" + path);
			System.out.flush();
		}
	}

	private static @Nullable List<String> properties(String[] args) {
		Map<String, String> properties = new LinkedHashMap<>();
		properties.put("server.port", "0");
		properties.put("server.address", "127.0.0.1");
		properties.put("vgi.external.storage", "none");
		// Pointers then carry tokens that renew them, of which peers know nothing.
		properties.put("vgi.rpc.token-keys", "c0".repeat(32));
		properties.put("spring.main.banner-mode", "off");
		properties.put("logging.level.root", "warn");
		// The older release's requests over pipes name no protocol.
		properties.put("vgi.rpc.protocol-optional", "true");
		for (int i = 0; i < args.length; i++) {
			String setting = SETTINGS.get(args[i]);
			if (setting != null && i + 1 < args.length) {
				properties.put(setting, args[++i]);
			}
			else if (args[i].equals("--unix") && i + 1 < args.length) {
				properties.put("spring.main.web-application-type", "none");
				properties.put("vgi.rpc.unix.path", args[++i]);
				properties.put("vgi.rpc.unix.trusted", "true");
			}
			else if (args[i].equals("--pipe")) {
				properties.put("vgi.rpc.stdio", "true");
			}
			else if (args[i].equals("--newest")) {
				properties.put("conformance.newest", "true");
				properties.remove("vgi.rpc.protocol-optional");
			}
			else if (args[i].equals("--auth") || args[i].equals("--cors")) {
				// Spring Security is configured for these workers only.
				properties.put("spring.autoconfigure.exclude", "");
				properties.put("conformance.security", args[i].substring(2));
				if (args[i].equals("--cors")) {
					properties.putIfAbsent("app.page-origins", SUITE_ORIGIN);
				}
			}
			else if (args[i].equals("--reject-localhost-redirects")) {
				properties.put("conformance.reject-localhost-redirects", "true");
			}
			else {
				System.err.println("Unknown flag: " + args[i]);
				return null;
			}
		}
		List<String> arguments = new ArrayList<>();
		properties.forEach((name, value) -> arguments.add("--" + name + "=" + value));
		return arguments;
	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ ConformanceController.class, ConformanceHandler.class, ConformanceSecurity.class, BrowserAccess.class })
	static class Application {

		@Bean
		@ConditionalOnProperty("conformance.fake-storage")
		ExternalStorage fakeStorage(Environment environment, StorageTransport transport) {
			return new FakeStorage(URI.create(environment.getRequiredProperty("conformance.fake-storage")), transport);
		}

		@Bean
		@ConditionalOnProperty("conformance.fake-storage")
		UrlValidator urlValidator(Environment environment) {
			if (!environment.getProperty("conformance.reject-localhost-redirects", Boolean.class, false)) {
				return UrlValidator.acceptAll();
			}
			return (url) -> {
				if (!"127.0.0.1".equals(url.getHost())) {
					throw new UrlRejectedException(url, "only 127.0.0.1 is allowed");
				}
			};
		}

		/**
		 * What only the newest release has.
		 */
		@Configuration(proxyBeanMethods = false)
		@ConditionalOnProperty("conformance.newest")
		@Import({ NewestConformance.Additions.class, NewestConformance.Secondary.class, TransportProbe.class })
		static class Newest {

		}

	}

}
