package dev.vgi.external.autoconfigure;

import dev.vgi.external.rpc.pipe.client.RpcWorkers;

import org.springframework.web.client.RestClient;
import org.springframework.web.client.support.RestClientHttpServiceGroupConfigurer;

/**
 * Calls the RPC methods of HTTP service groups whose name is that of a worker over the
 * connection to it. All other methods of such a group are still HTTP.
 */
final class RpcWorkerGroups implements RestClientHttpServiceGroupConfigurer {

	private final RpcWorkers workers;

	RpcWorkerGroups(RpcWorkers workers) {
		this.workers = workers;
	}

	@Override
	public void configureGroups(Groups<RestClient.Builder> groups) {
		groups.filter((group) -> this.workers.names().contains(group.name()))
			.forEachGroup(
					(group, restClient, proxyFactory) -> this.workers.connection(group.name()).configure(proxyFactory));
	}

}
