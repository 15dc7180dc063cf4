package dev.vgi.external;

import org.springframework.boot.autoconfigure.AutoConfigurationImportFilter;
import org.springframework.boot.autoconfigure.AutoConfigurationMetadata;
import org.springframework.context.EnvironmentAware;
import org.springframework.core.env.Environment;

/**
 * Chooses between the two servers on the class path of these tests, of which an
 * application has one. Without it, the name of the auto-configuration that comes first in
 * the alphabet would choose. The property {@value #PROPERTY} names the server: 'tomcat',
 * which is the default, or 'jetty'.
 */
class OneServerFilter implements AutoConfigurationImportFilter, EnvironmentAware {

	static final String PROPERTY = "test.server";

	private static final String JETTY = "org.springframework.boot.jetty.";

	private static final String TOMCAT = "org.springframework.boot.tomcat.";

	private String excluded = JETTY;

	@Override
	public void setEnvironment(Environment environment) {
		boolean jetty = "jetty".equals(environment.getProperty(PROPERTY));
		this.excluded = jetty ? TOMCAT : JETTY;
	}

	@Override
	public boolean[] match(String[] classes, AutoConfigurationMetadata metadata) {
		boolean[] matches = new boolean[classes.length];
		for (int i = 0; i < classes.length; i++) {
			matches[i] = classes[i] == null || !classes[i].startsWith(this.excluded);
		}
		return matches;
	}

}
