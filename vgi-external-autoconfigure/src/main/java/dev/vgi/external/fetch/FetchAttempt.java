package dev.vgi.external.fetch;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;

import dev.vgi.external.memory.BudgetExhaustedException;
import dev.vgi.external.memory.TransferBudget.Lease;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferEvent.Phase;
import dev.vgi.external.transfer.TransferStatistics;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.transport.ByteRange;
import dev.vgi.external.transport.FailureReason;
import dev.vgi.external.transport.LinkExpiredException;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageUnavailableException;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to fetch one object. Belongs to the caller's thread.
 */
final class FetchAttempt {

	private final FetchContext context;

	private final FetchConfig config;

	private final FetchShare share;

	private final TransferTrace trace;

	private final ObjectLink link;

	private final ObjectRequests requests;

	private final @Nullable String sha256;

	private final BufferAllocator allocator;

	private final long started;

	/** How much of the body is still charged to its lease. */
	private long unpaid;

	FetchAttempt(FetchContext context, ObjectLink link, @Nullable String sha256, BufferAllocator allocator,
			Deadline deadline) {
		this.context = context;
		this.config = context.config();
		this.share = context.share();
		this.trace = context.trace();
		this.link = link;
		this.requests = new ObjectRequests(context, link, deadline);
		this.sha256 = sha256;
		this.allocator = allocator;
		this.started = this.requests.nanoTime();
	}

	FetchedBody run() {
		this.share.open();
		StoredObject own = openOwn();
		try {
			return (own != null) ? read(own) : download();
		}
		catch (OutOfMemoryException ex) {
			throw new BudgetExhaustedException("No room in the Arrow allocator for the fetched object", null);
		}
		finally {
			this.link.abandon();
		}
	}

	// The only hop that the transport does not check.
	private @Nullable StoredObject openOwn() {
		ExternalStorage storage = this.context.storage();
		URI url = this.link.current();
		while (storage != null && storage.isOwn(url)) {
			this.context.validator().requireAccepted(url);
			try {
				return storage.open(url);
			}
			catch (LinkExpiredException ex) {
				url = this.requests.renewed(url);
			}
		}
		return null;
	}

	private FetchedBody read(StoredObject stored) {
		Deadline deadline = this.requests.deadline;
		Lease lease = this.share.takeReserved();
		try (stored) {
			OwnObject object = new OwnObject(stored, this.requests.shown, this.config);
			this.trace.sized(object.length, object.shape.coding());
			this.share.sized(object.shape.capacity(), this.trace);
			long memory = object.shape.memory();
			lease = reserve(lease, memory);
			if (lease == null) {
				lease = await(memory);
			}
			FetchedBody body;
			this.trace.begins(Phase.DOWNLOAD);
			try (BodyAssembly assembly = new BodyAssembly(this.context, lease, object.shape, this.sha256)) {
				object.readInto(assembly, deadline);
				this.trace.over(Phase.DOWNLOAD);
				body = finish(assembly, lease);
			}
			fetched(lease);
			lease = null;
			return body;
		}
		catch (IOException ex) {
			throw new StorageUnavailableException("Cannot read " + this.requests.shown + ": " + FailureReason.of(ex), 0,
					null);
		}
		finally {
			this.trace.over(Phase.DOWNLOAD);
			if (lease != null) {
				lease.close();
			}
		}
	}

	/**
	 * Reserve memory without waiting.
	 * @param held what is reserved already, or {@code null}; still owned by the caller
	 * @param memory how much the body needs
	 * @return the lease, which is {@code held} if there is one; or {@code null} if this
	 * fetch has to wait
	 */
	private @Nullable Lease reserve(@Nullable Lease held, long memory) {
		Lease lease = held;
		if (lease == null) {
			lease = this.context.budget().tryAcquire(memory);
		}
		else {
			lease.resize(memory);
		}
		if (lease != null) {
			this.share.reserved(memory);
		}
		return lease;
	}

	private Lease await(long memory) {
		this.share.requireMayWait();
		this.trace.begins(Phase.MEMORY);
		try {
			Lease lease = this.context.budget().acquire(memory, this.requests.deadline.remaining());
			this.share.reserved(memory);
			return lease;
		}
		finally {
			this.trace.over(Phase.MEMORY);
		}
	}

	private FetchedBody download() {
		ObjectOpener opener = new ObjectOpener(this.context, this.requests);
		Lease lease = this.share.takeReserved();
		OpenedObject restarted = null;
		FetchedBody body = null;
		try {
			while (true) {
				long memory;
				this.trace.begins(Phase.DOWNLOAD);
				try (OpenedObject object = (restarted != null) ? restarted : opener.open()) {
					restarted = null;
					BodyShape shape = BodyShape.of(object.codec, object.head, object.total, this.config);
					if (object.total >= 0 || shape.codec() != null) {
						this.trace.sized(object.total, shape.coding());
					}
					this.share.sized(shape.capacity(), this.trace);
					List<ByteRange> plan = object.plan(this.config, this.share);
					memory = shape.memory() + ((shape.codec() != null)
							? RangeSlots.memoryFor(plan, this.config.maxParallelRequests()) : 0);
					lease = reserve(lease, memory);
					if (lease != null) {
						try (BodyAssembly assembly = new BodyAssembly(this.context, lease, shape, this.sha256)) {
							StorageResponse whole = transfer(object, plan, assembly, lease);
							if (whole == null) {
								this.trace.over(Phase.DOWNLOAD);
								body = finish(assembly, lease);
								return body;
							}
							restarted = opener.reopen(whole, shape.coding());
						}
						continue;
					}
				}
				// The connection was released above, since a running transfer may need
				// it.
				this.trace.over(Phase.DOWNLOAD);
				lease = await(memory);
			}
		}
		finally {
			this.trace.over(Phase.DOWNLOAD);
			if (restarted != null) {
				restarted.close();
			}
			if (body != null && lease != null) {
				fetched(lease);
			}
			else if (lease != null) {
				lease.close();
			}
		}
	}

	// Returns null, or the response with which the object has to be started over.
	private @Nullable StorageResponse transfer(OpenedObject object, List<ByteRange> plan, BodyAssembly assembly,
			Lease lease) {
		if (plan.isEmpty()) {
			return new SequentialDownload(this.context, object, assembly).run();
		}
		new RangedDownload(this.context, object, plan, assembly, lease).run();
		return null;
	}

	// Only the body remains, and what its allocator is charged for is paid.
	private void fetched(Lease lease) {
		lease.resize(this.unpaid);
		this.share.fetched(lease);
	}

	private FetchedBody finish(BodyAssembly assembly, Lease lease) {
		long reserved = lease.bytes();
		ArrowBuf buffer = assembly.finish(this.allocator);
		this.unpaid = Math.max(0, assembly.length() - (reserved - lease.bytes()));
		Duration elapsed = Duration.ofNanos(this.requests.nanoTime() - this.started);
		return new FetchedBody(buffer, assembly.length(), new TransferStatistics(assembly.encoded(), assembly.length(),
				assembly.coding(), this.requests.sent(), this.requests.hedging.hedges(), elapsed));
	}

}
