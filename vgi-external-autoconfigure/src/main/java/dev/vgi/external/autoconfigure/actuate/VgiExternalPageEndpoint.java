package dev.vgi.external.autoconfigure.actuate;

import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.web.annotation.WebEndpoint;

/**
 * {@link WebEndpoint @WebEndpoint} with a page for people: it shows in a browser what the
 * endpoint {@code vgiexternal} reports.
 */
@WebEndpoint(id = "vgiexternalpage")
final class VgiExternalPageEndpoint {

	private final String page;

	/**
	 * Create the endpoint.
	 * @param page the HTML document
	 */
	VgiExternalPageEndpoint(String page) {
		this.page = page;
	}

	/**
	 * Return the page. It is the same for everyone, and contains no transfers: its script
	 * reads them with the rights of whoever looks at it.
	 * @return the HTML document
	 */
	@ReadOperation(produces = "text/html;charset=UTF-8")
	String page() {
		return this.page;
	}

}
