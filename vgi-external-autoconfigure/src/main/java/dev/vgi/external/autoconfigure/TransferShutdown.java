package dev.vgi.external.autoconfigure;

import java.time.Duration;

import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.transport.StorageTransport;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.beans.factory.DisposableBean;

/**
 * Ends transfers when the application does: after the web server, which lets its requests
 * finish, and before everything a transfer needs to clean up after itself, such as the
 * client that aborts multipart uploads. A bean that is destroyed, not one that is
 * stopped: what was stopped may be started again.
 */
final class TransferShutdown implements DisposableBean {

	private static final Log logger = LogFactory.getLog(TransferShutdown.class);

	/** Enough to abort an upload; nothing is transferred any more. */
	private static final Duration PATIENCE = Duration.ofSeconds(15);

	private final StorageTransport transport;

	private final TransferBudget budget;

	TransferShutdown(StorageTransport transport, TransferBudget budget) {
		this.transport = transport;
		this.budget = budget;
	}

	@Override
	public void destroy() {
		this.transport.endTransfers();
		if (!this.budget.shutDown(PATIENCE)) {
			logger.warn(this.budget.running() + " transfers did not end with the application");
		}
	}

}
