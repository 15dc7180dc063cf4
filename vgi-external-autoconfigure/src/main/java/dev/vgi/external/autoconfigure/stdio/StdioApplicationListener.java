package dev.vgi.external.autoconfigure.stdio;

import org.springframework.boot.context.event.ApplicationStartingEvent;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.context.ApplicationListener;
import org.springframework.core.Ordered;
import org.springframework.core.env.SimpleCommandLinePropertySource;
import org.springframework.core.env.StandardEnvironment;

/**
 * Keeps the standard streams for the protocol before anything else happens, if an
 * argument, a system property or the process' environment says so.
 */
class StdioApplicationListener implements ApplicationListener<ApplicationStartingEvent>, Ordered {

	@Override
	public int getOrder() {
		// Before the listener that starts logging.
		return Ordered.HIGHEST_PRECEDENCE;
	}

	@Override
	public void onApplicationEvent(ApplicationStartingEvent event) {
		StandardEnvironment environment = new StandardEnvironment();
		environment.getPropertySources().addFirst(new SimpleCommandLinePropertySource(event.getArgs()));
		ConfigurationPropertySources.attach(environment);
		if (StandardStreams.areServed(environment)) {
			StandardStreams.take();
		}
	}

}
