package dev.vgi.external.location;

import java.net.URI;

/**
 * Renews the links of pointers that the answers of one service contained. Thread-safe.
 */
@FunctionalInterface
public interface LinkRenewal {

	/**
	 * Return a fresh link to the object of a pointer. May take its time; is interrupted
	 * once nobody waits for the link any more.
	 * @param token the token that came with the pointer; a secret
	 * @param path where the service takes it: an absolute path of the called service, and
	 * of no other one
	 * @return the absolute URL, which the URL policy is asked about afterwards
	 * @throws dev.vgi.external.VgiExternalException if there is no fresh link, without
	 * the token in its message
	 */
	URI renew(String token, String path);

}
