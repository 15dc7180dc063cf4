package dev.vgi.external.sample.demo;

import java.net.URI;
import java.util.Iterator;
import java.util.List;

import org.jspecify.annotations.Nullable;

/**
 * The options of the command line.
 *
 * @param url the service to call, or {@code null} to start one
 * @param keep whether what is started stays up
 * @param help whether to print only the help
 */
record DemoOptions(@Nullable URI url, boolean keep, boolean help) {

	static final String USAGE = """
			usage: demo [--keep] [--url URL]

			Calls the flight service both ways and prints what travelled how.

			  --keep     service and client stay up until Ctrl-C, so that their
			             transfers can be looked at in a browser
			  --url URL  a running service, such as http://localhost:8080;
			             without it one is started, and stopped again
			""";

	/**
	 * Parse the command line.
	 * @param arguments the arguments after {@code demo}
	 * @return the options
	 * @throws IllegalArgumentException if an argument is unknown
	 */
	static DemoOptions parse(List<String> arguments) {
		URI url = null;
		boolean keep = false;
		boolean help = false;
		Iterator<String> remaining = arguments.iterator();
		while (remaining.hasNext()) {
			String argument = remaining.next();
			if (argument.equals("--help") || argument.equals("-h")) {
				help = true;
			}
			else if (argument.equals("--keep")) {
				keep = true;
			}
			else if (argument.startsWith("--url=")) {
				url = url(argument.substring("--url=".length()));
			}
			else if (argument.equals("--url") && remaining.hasNext()) {
				url = url(remaining.next());
			}
			else {
				throw new IllegalArgumentException("Not understood: " + argument);
			}
		}
		return new DemoOptions(url, keep, help);
	}

	private static URI url(String text) {
		URI url = URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
		if (url.getHost() == null || !("http".equals(url.getScheme()) || "https".equals(url.getScheme()))) {
			throw new IllegalArgumentException("Not the URL of a service: " + text);
		}
		return url;
	}

}
