package dev.vgi.external.storage;

import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.transfer.TransferEvent.Purpose;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.RequestWatch;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.upload.NumberedPart;

/**
 * The requests of one upload: they share its turns, and each one is reported.
 * Thread-safe.
 */
public final class UploadRequests {

	private final TransferTrace trace;

	private final PacedTransfer transfer;

	private UploadRequests(TransferTrace trace, PacedTransfer transfer) {
		this.trace = trace;
		this.transfer = transfer;
	}

	/**
	 * Begin an upload to the service's own storage.
	 * @param trace is told about its requests
	 * @return its requests
	 */
	public static UploadRequests own(TransferTrace trace) {
		return new UploadRequests(trace, PacedTransfer.own());
	}

	/**
	 * Begin an upload to an address that came from somebody else.
	 * @param trace is told about its requests
	 * @return its requests
	 */
	public static UploadRequests foreign(TransferTrace trace) {
		return new UploadRequests(trace, PacedTransfer.foreign());
	}

	/**
	 * Return a request that stores the whole object.
	 * @param length its bytes
	 * @return the request
	 */
	public TransferRequest object(long length) {
		return request(Purpose.OBJECT, 0, 0, length);
	}

	/**
	 * Return a request that stores a part. It ends with the transfer of the parts.
	 * @param part the part
	 * @param skipped how many of its bytes are stored already
	 * @return the request
	 */
	public TransferRequest part(NumberedPart part, long skipped) {
		TransferRequest request = request(Purpose.PART, part.number() - 1, part.offset() + skipped,
				part.length() - skipped);
		part.carriedBy(request);
		return request;
	}

	/**
	 * Return a request that carries no bytes of the object.
	 * @param purpose what it is for
	 * @return the request
	 */
	public TransferRequest other(Purpose purpose) {
		return request(purpose, 0, 0, 0);
	}

	/**
	 * Begin to report a request that does not go through the transport, such as one that
	 * an SDK sends.
	 * @param purpose what it is for
	 * @return is to be told what becomes of it
	 */
	public RequestWatch watch(Purpose purpose) {
		return this.trace.requests(purpose, 0, 0, 0).begin(false);
	}

	private TransferRequest request(Purpose purpose, int index, long offset, long length) {
		return new TransferRequest(this.transfer, false, this.trace.requests(purpose, index, offset, length));
	}

}
