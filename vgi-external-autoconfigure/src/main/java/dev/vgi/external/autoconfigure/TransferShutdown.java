package dev.vgi.external.autoconfigure;

import java.time.Duration;

import dev.vgi.external.memory.RunningTransfers;
import dev.vgi.external.transport.StorageTransport;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;

import org.springframework.beans.factory.DisposableBean;

/**
 * Ends transfers when the application shuts down: after the web server, which lets its
 * requests finish, and before everything that a transfer needs for its clean-up, such as
 * the client that aborts multipart uploads. The bean is destroyed and not stopped, since
 * a stopped bean may be started again.
 */
final class TransferShutdown implements DisposableBean {

	private static final Log logger = LogFactory.getLog(TransferShutdown.class);

	/** Enough time to abort an upload; no data is transferred any more. */
	private static final Duration PATIENCE = Duration.ofSeconds(15);

	private final StorageTransport transport;

	private final RunningTransfers transfers;

	TransferShutdown(StorageTransport transport, RunningTransfers transfers) {
		this.transport = transport;
		this.transfers = transfers;
	}

	@Override
	public void destroy() {
		this.transport.endTransfers();
		if (!this.transfers.shutDown(PATIENCE)) {
			logger.warn(this.transfers.count() + " transfers did not end with the application");
		}
	}

}
