package dev.vgi.external.web.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.CorruptStreamException;
import dev.vgi.external.location.RenewalPath;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.web.server.PointerRenewals.Link;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.apache.arrow.memory.BufferAllocator;
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

import org.springframework.http.HttpHeaders;
import org.springframework.web.bind.annotation.PostMapping;

/**
 * Renews the links of pointers: {@code POST {prefix}/__renew_url__/init}.
 */
public final class RenewUrlController {

	/** Path of the route below the prefix of all routes. */
	public static final String PATH = RenewalPath.ENDPOINT;

	private static final Schema SCHEMA = new Schema(List.of(
			new Field("download_url", FieldType.notNullable(ArrowType.Utf8.INSTANCE), null),
			new Field("expires_at", FieldType.nullable(new ArrowType.Timestamp(TimeUnit.MICROSECOND, "UTC")), null)));

	private final PointerRenewals renewals;

	private final BufferAllocator allocator;

	private final ErrorWriter errors;

	private final TransferListener listener;

	/**
	 * Create a controller.
	 * @param renewals renews the links
	 * @param allocator the owner of the memory of requests and answers
	 * @param errors writes the errors
	 * @param listener is told of each renewal
	 */
	public RenewUrlController(PointerRenewals renewals, BufferAllocator allocator, ErrorWriter errors,
			TransferListener listener) {
		this.renewals = renewals;
		this.allocator = allocator;
		this.errors = errors;
		this.listener = listener;
	}

	/**
	 * Renew a link: 200 with the new one, 415 for a body that is not Arrow, 400 for a
	 * request that does not follow the protocol and for a token that was not given to
	 * this caller, 200 with an error batch if the pointer is too old, the object is gone
	 * or the storage fails.
	 * @param request the request
	 * @param response the response
	 * @throws IOException if the caller has disconnected
	 */
	@PostMapping(PATH)
	public void init(HttpServletRequest request, HttpServletResponse response) throws IOException {
		byte[] body = InitRequest.body(request, response);
		if (body == null) {
			return;
		}
		Link link;
		try {
			link = this.renewals.renew(InitRequest.read(body, RenewalPath.METHOD, this.allocator,
					(root) -> token(root.getVector("token"))), request);
		}
		catch (CorruptStreamException | InvalidRenewalException ex) {
			this.listener.linkRenewalServed(ex.kind());
			this.errors.writeError(request, response, HttpServletResponse.SC_BAD_REQUEST, ex);
			return;
		}
		catch (VgiExternalException ex) {
			this.listener.linkRenewalServed(ex.kind());
			this.errors.writeError(request, response, HttpServletResponse.SC_OK, ex);
			return;
		}
		this.listener.linkRenewalServed(null);
		// Whoever has the answer can read the object.
		response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
		write(link, response);
	}

	private static @Nullable String token(@Nullable FieldVector vector) {
		return (vector instanceof VarCharVector tokens && !vector.isNull(0))
				? new String(tokens.get(0), StandardCharsets.UTF_8) : null;
	}

	private void write(Link link, HttpServletResponse response) throws IOException {
		try (VectorSchemaRoot root = VectorSchemaRoot.create(SCHEMA, this.allocator)) {
			((VarCharVector) root.getVector(0)).setSafe(0, link.url().toString().getBytes(StandardCharsets.UTF_8));
			TimeStampMicroTZVector expiry = (TimeStampMicroTZVector) root.getVector(1);
			if (link.expiresAt() != null) {
				expiry.setSafe(0, ChronoUnit.MICROS.between(Instant.EPOCH, link.expiresAt()));
			}
			else {
				expiry.setNull(0);
			}
			root.setRowCount(1);
			InitRequest.answer(root, response);
		}
	}

}
