package dev.vgi.external.web.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.LongSupplier;

import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transport.StorageUnavailableException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.TimeStampMicroTZVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

import org.springframework.web.bind.annotation.PostMapping;

/**
 * Vends upload URLs: {@code POST {prefix}/__upload_url__/init}.
 */
public final class UploadUrlController {

	/** Name of the method, as it stands in paths and metadata. */
	public static final String METHOD = "__upload_url__";

	private static final int MAX_COUNT = 100;

	/** From when on no further pair of a request is signed: as long as one may take. */
	private static final Duration LONGEST = Duration.ofSeconds(10);

	private static final Schema SCHEMA = new Schema(List.of(
			new Field("upload_url", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null),
			new Field("download_url", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null), new Field("expires_at",
					FieldType.notNullable(new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC")), null)));

	private final UploadUrlProvider provider;

	private final BufferAllocator allocator;

	private final ErrorWriter errors;

	private final TransferListener listener;

	private final Function<HttpServletRequest, CallerPointers> pointers;

	private final LongSupplier nanoTime;

	/**
	 * Create a controller whose URLs are for everyone who has them.
	 * @param provider vends the URLs
	 * @param allocator the owner of the memory of requests and answers
	 * @param errors writes the errors
	 * @param listener is told how many were vended
	 */
	public UploadUrlController(UploadUrlProvider provider, BufferAllocator allocator, ErrorWriter errors,
			TransferListener listener) {
		this(provider, allocator, errors, listener, (request) -> CallerPointers.unbound());
	}

	/**
	 * Create a controller.
	 * @param provider vends the URLs
	 * @param allocator the owner of the memory of requests and answers
	 * @param errors writes the errors
	 * @param listener is told how many were vended
	 * @param pointers returns for whom the URLs are that the sender of a request gets
	 */
	public UploadUrlController(UploadUrlProvider provider, BufferAllocator allocator, ErrorWriter errors,
			TransferListener listener, Function<HttpServletRequest, CallerPointers> pointers) {
		this(provider, allocator, errors, listener, pointers, System::nanoTime);
	}

	UploadUrlController(UploadUrlProvider provider, BufferAllocator allocator, ErrorWriter errors,
			TransferListener listener, Function<HttpServletRequest, CallerPointers> pointers, LongSupplier nanoTime) {
		this.provider = provider;
		this.allocator = allocator;
		this.errors = errors;
		this.listener = listener;
		this.pointers = pointers;
		this.nanoTime = nanoTime;
	}

	/**
	 * Vend as many pairs as requested, from 1 to 100: 200 with one row each, 415 for a
	 * body that is not Arrow, 400 for a request that does not follow the protocol, 200
	 * with an error batch if they cannot be signed in time.
	 * @param request the request
	 * @param response the response
	 * @throws IOException if the caller has disconnected
	 */
	@PostMapping("/" + METHOD + "/init")
	public void init(HttpServletRequest request, HttpServletResponse response) throws IOException {
		byte[] body = InitRequest.body(request, response);
		if (body == null) {
			return;
		}
		List<UploadUrl> urls;
		try {
			int count = InitRequest.read(body, METHOD, this.allocator, (root) -> count(root.getVector("count")));
			urls = vend(count, this.pointers.apply(request).owner());
		}
		catch (CorruptStreamException ex) {
			this.errors.writeError(request, response, HttpServletResponse.SC_BAD_REQUEST, ex);
			return;
		}
		catch (RuntimeException ex) {
			this.errors.writeError(request, response, HttpServletResponse.SC_OK, ex);
			return;
		}
		this.listener.uploadUrlsVended(urls.size());
		write(urls, response);
	}

	private static int count(@Nullable FieldVector vector) {
		// Any other value counts as one.
		return (vector instanceof BaseIntVector counts && !vector.isNull(0))
				? (int) Math.max(1, Math.min(counts.getValueAsLong(0), MAX_COUNT)) : 1;
	}

	private List<UploadUrl> vend(int count, ObjectOwner owner) {
		List<UploadUrl> urls = new ArrayList<>(count);
		Deadline deadline = Deadline.in(LONGEST, this.nanoTime);
		for (int i = 0; i < count; i++) {
			if (deadline.hasPassed()) {
				throw new StorageUnavailableException("Only " + i + " of " + count
						+ " upload URLs could be signed within " + LONGEST.toSeconds() + " s", 0, null);
			}
			urls.add(this.provider.generateUploadUrl(new Schema(List.of()), owner));
		}
		return urls;
	}

	private void write(List<UploadUrl> urls, HttpServletResponse response) throws IOException {
		try (VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator)) {
			VarCharVector upload = (VarCharVector) root.getVector(0);
			VarCharVector download = (VarCharVector) root.getVector(1);
			TimeStampMicroTZVector expiry = (TimeStampMicroTZVector) root.getVector(2);
			for (int i = 0; i < urls.size(); i++) {
				UploadUrl url = urls.get(i);
				upload.setSafe(i, url.uploadUrl().toString().getBytes(StandardCharsets.UTF_8));
				download.setSafe(i, url.downloadUrl().toString().getBytes(StandardCharsets.UTF_8));
				expiry.setSafe(i, ChronoUnit.MICROS.between(Instant.EPOCH, url.expiresAt()));
			}
			root.setRowCount(urls.size());
			InitRequest.answer(root, response);
		}
	}

}
