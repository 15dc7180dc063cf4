package dev.vgi.external.web.client;

/**
 * How a service names its methods in URLs.
 */
public enum Dialect {

	/**
	 * Detected with the first call: by what the service announces, then by whether the
	 * route exists.
	 */
	AUTO,

	/** The method follows directly after the prefix. */
	FLAT,

	/** The method follows the name of its protocol. */
	NAMESPACED

}
