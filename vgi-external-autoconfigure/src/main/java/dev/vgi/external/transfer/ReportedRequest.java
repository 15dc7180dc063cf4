package dev.vgi.external.transfer;

import dev.vgi.external.transfer.TransferEvent.RequestAnswered;
import dev.vgi.external.transfer.TransferEvent.RequestEnded;
import dev.vgi.external.transfer.TransferEvent.RequestSent;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.url.RedactedUrl;
import org.jspecify.annotations.Nullable;

/**
 * Reports one request of a transfer.
 *
 * @param trace the transfer
 * @param number number of the request in it
 */
record ReportedRequest(TransferTrace trace, int number) implements RequestWatch {

	@Override
	public void sent() {
		this.trace.report(new RequestSent(this.number));
	}

	@Override
	public void answered(int status, @Nullable String requestId) {
		this.trace.answered(new RequestAnswered(this.number, status, RequestWatch.identifier(requestId)));
	}

	@Override
	public void ended(End end, long bytes, @Nullable String reason) {
		this.trace
			.report(new RequestEnded(this.number, end, bytes, (reason != null) ? RedactedUrl.scrub(reason) : null));
	}

}
