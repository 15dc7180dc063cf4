package dev.vgi.external.fetch;

import java.util.function.Function;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.fetch.ObjectRequests.Answer;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.TransferRequest;
import org.jspecify.annotations.Nullable;

/**
 * Opens an object: sends requests until one is answered with its first bytes. Returned
 * objects are closed by the caller, responses that are passed in are taken over.
 */
final class ObjectOpener {

	private final FetchContext context;

	private final FetchConfig config;

	private final ObjectRequests requests;

	ObjectOpener(FetchContext context, ObjectRequests requests) {
		this.context = context;
		this.config = context.config();
		this.requests = requests;
	}

	OpenedObject open() {
		Announcement announced = Announcement.NONE;
		if (this.config.probe() == FetchConfig.Probe.HEAD && !this.requests.isSigned()) {
			try (StorageResponse head = this.requests.head()) {
				if (head.status() / 100 == 2) {
					this.config.checkSize(head.contentLength());
					announced = Announcement.of(head);
					if (!prefersRanges(head)) {
						return openWhole(announced);
					}
				}
				else if (!isRefusal(head.status())) {
					throw this.requests.failed(head);
				}
			}
		}
		OpenedObject opened = openRanged(announced);
		return (opened != null) ? opened : openWhole(announced);
	}

	private boolean prefersRanges(StorageResponse head) {
		String ranges = head.header("Accept-Ranges");
		return head.contentLength() >= this.config.parallelThreshold() && ranges != null && ranges.contains("bytes");
	}

	// Whether storage refuses the method or the range with this status, and not the
	// object.
	private static boolean isRefusal(int status) {
		return status == 403 || status == 405 || status == 501;
	}

	// The first ranged GET is probe and first chunk in one.
	private @Nullable OpenedObject openRanged(Announcement announced) {
		ByteRange range = new ByteRange(0, Math.min(this.config.chunkSize(), this.config.maxFetchSize()) - 1);
		Function<TransferRequest, FirstAnswer> request = (copy) -> {
			Answer answer = this.requests.get(range, null, copy);
			return new FirstAnswer(openRanged(answer, range, announced, copy));
		};
		FirstRequest<FirstAnswer> first = new FirstRequest<>(request, this.requests, this.requests.watchRange(0, range),
				this.context);
		HedgePolicy hedging = this.requests.hedging;
		try {
			return first.send((this.config.maxParallelRequests() > 1) ? hedging.lateAfter(false) : Long.MAX_VALUE)
				.opened();
		}
		finally {
			if (first.isHedged()) {
				hedging.hedged();
			}
		}
	}

	// Returns null if a GET without a range is required.
	private @Nullable OpenedObject openRanged(Answer answer, ByteRange range, Announcement announced,
			TransferRequest copy) {
		StorageResponse response = answer.response();
		boolean open = false;
		try {
			OpenedObject opened = null;
			int status = response.status();
			ContentRange answered = ContentRange.parse(response.header("Content-Range"));
			if (status == 200) {
				opened = whole(answer, announced, copy);
			}
			else if (status == 206) {
				if (answered == null || answered.first() != 0 || answered.last() > range.last()
						|| (response.contentLength() >= 0 && response.contentLength() != answered.length())) {
					throw new CorruptStreamException("Range chunk size mismatch: " + this.requests.shown
							+ " answered another range than asked for");
				}
				opened = opened(answer, announced, answered, answered.total(), copy);
			}
			else if (status == 416 && answered != null && answered.total() == 0) {
				throw new CorruptStreamException("The fetched object is empty");
			}
			else if (!isRefusal(status) && status != 416) {
				throw this.requests.failed(response);
			}
			open = opened != null;
			return opened;
		}
		finally {
			if (!open) {
				response.close();
			}
		}
	}

	private OpenedObject openWhole(Announcement announced) {
		TransferRequest request = this.requests.request(false, this.requests.watchObject(announced.length()));
		return whole(this.requests.get(null, null, request), announced, request);
	}

	// Opens the object again by a response with all of it.
	OpenedObject reopen(StorageResponse response, @Nullable String coding) {
		return whole(new Answer(response, this.requests.link()), Announcement.ofCoding(coding), null);
	}

	private OpenedObject whole(Answer answer, Announcement announced, @Nullable TransferRequest request) {
		StorageResponse response = answer.response();
		try {
			if (response.status() / 100 != 2 || response.status() == 206) {
				throw this.requests.failed(response);
			}
			return opened(answer, announced, null, response.contentLength(), request);
		}
		catch (RuntimeException ex) {
			response.close();
			throw ex;
		}
	}

	private OpenedObject opened(Answer answer, Announcement announced, @Nullable ContentRange answered, long total,
			@Nullable TransferRequest request) {
		StorageResponse response = answer.response();
		if (!announced.version().mayBe(OpenedObject.Version.of(response))) {
			throw OpenedObject.changed(this.requests.shown, response);
		}
		this.config.checkSize(total);
		long agreed = announced.agree(total, (answered != null) ? answered.length() : 0, this.requests.shown);
		String coding = response.contentEncoding();
		return new OpenedObject(this.requests, answer, answered, agreed, (coding != null) ? coding : announced.coding(),
				request);
	}

	/**
	 * The result of the first ranged GET.
	 *
	 * @param opened the object, or {@code null} if the range was refused
	 */
	private record FirstAnswer(@Nullable OpenedObject opened) implements AutoCloseable {

		@Override
		public void close() {
			if (this.opened != null) {
				this.opened.close();
			}
		}

	}

}
