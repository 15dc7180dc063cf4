package dev.vgi.external.autoconfigure.stdio;

import java.util.Map;

import org.springframework.boot.EnvironmentPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.core.Ordered;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

/**
 * Makes an application that serves on its standard streams one without a web server,
 * whatever else is configured, and keeps the streams for the protocol if only a
 * configuration file says so.
 */
class StdioEnvironmentPostProcessor implements EnvironmentPostProcessor, Ordered {

	/** After the configuration files, before what depends on the type. */
	static final int ORDER = Ordered.LOWEST_PRECEDENCE - 10;

	@Override
	public int getOrder() {
		return ORDER;
	}

	@Override
	public void postProcessEnvironment(ConfigurableEnvironment environment, SpringApplication application) {
		if (StandardStreams.areServed(environment)) {
			StandardStreams.take();
			environment.getPropertySources()
				.addFirst(new MapPropertySource("vgiStdio", Map.of("spring.main.web-application-type", "none")));
		}
	}

}
