package dev.vgi.external.web.client;

/**
 * How a service names its methods in URLs.
 */
public enum Dialect {

	/**
	 * Found out with the first call: by what the service announces, then by whether it
	 * knows the route at all.
	 */
	AUTO,

	/** A method stands directly below the prefix. */
	FLAT,

	/** A method stands below the name of its protocol. */
	NAMESPACED

}
