package dev.vgi.external.autoconfigure.actuate;

import java.util.Set;

import dev.vgi.external.history.TransferTimeline;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.web.WebEndpointResponse;
import org.springframework.boot.actuate.endpoint.web.annotation.EndpointWebExtension;

/**
 * {@link EndpointWebExtension @EndpointWebExtension} of {@link VgiExternalEndpoint}: who
 * asks decides what is shown, and an unknown transfer is not found.
 */
@EndpointWebExtension(endpoint = VgiExternalEndpoint.class)
public class VgiExternalEndpointWebExtension {

	private final VgiExternalEndpoint endpoint;

	private final Show showValues;

	private final Set<String> roles;

	VgiExternalEndpointWebExtension(VgiExternalEndpoint endpoint, Show showValues, Set<String> roles) {
		this.endpoint = endpoint;
		this.showValues = showValues;
		this.roles = roles;
	}

	/**
	 * Return all transfers, and what they share.
	 * @param caller who asks
	 * @return the transfers without their requests
	 */
	@ReadOperation
	public TransfersDescriptor transfers(SecurityContext caller) {
		return this.endpoint.transfers(this.showValues.isShown(caller, this.roles));
	}

	/**
	 * Return one transfer.
	 * @param caller who asks
	 * @param id its identifier
	 * @return the transfer with its requests; {@code null} if it is not known
	 */
	@ReadOperation
	public @Nullable TransferTimeline transfer(SecurityContext caller, @Selector String id) {
		return this.endpoint.transfer(id, this.showValues.isShown(caller, this.roles));
	}

	/**
	 * End a transfer that is under way.
	 * @param id its identifier
	 * @return 204 if there was one, else 404
	 */
	@DeleteOperation
	public WebEndpointResponse<Void> end(@Selector String id) {
		return new WebEndpointResponse<>(this.endpoint.end(id).ended() ? WebEndpointResponse.STATUS_NO_CONTENT
				: WebEndpointResponse.STATUS_NOT_FOUND);
	}

}
