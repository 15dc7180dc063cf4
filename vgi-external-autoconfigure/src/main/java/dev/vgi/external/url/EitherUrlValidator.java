package dev.vgi.external.url;

import java.net.URI;

/**
 * Accepts a URL if one of two policies accepts it.
 *
 * @param first asked first
 * @param second asked when the first refuses
 */
record EitherUrlValidator(UrlValidator first, UrlValidator second) implements UrlValidator {

	@Override
	public void validate(URI url) {
		if (!accepts(this.first, url)) {
			this.second.validate(url);
		}
	}

	@Override
	public boolean admitsPrivateAddresses(URI url) {
		return (accepts(this.first, url) && this.first.admitsPrivateAddresses(url))
				|| (accepts(this.second, url) && this.second.admitsPrivateAddresses(url));
	}

	private static boolean accepts(UrlValidator validator, URI url) {
		try {
			validator.validate(url);
			return true;
		}
		catch (UrlRejectedException ex) {
			return false;
		}
	}

}
