package dev.vgi.external.web.server;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;

import dev.vgi.external.location.RenewalPath;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.ExternalStorage;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

/**
 * What a fuzzer reaches in this package.
 */
public final class FuzzedWeb {

	private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

	private final PointerRenewals renewals;

	public FuzzedWeb(ExternalStorage storage, List<TokenKey> keys) {
		this.renewals = new PointerRenewals(storage, keys, "service", Duration.ofHours(24),
				(request) -> RenewalPath.ENDPOINT, () -> NOW);
	}

	/**
	 * Choose the coding of an answer.
	 * @return its coding and header, or {@code null}
	 */
	public static @Nullable String answerCoding(HttpServletRequest request, List<String> supported) {
		AnswerCoding.isAccepted(request, "gzip");
		AnswerCoding coding = AnswerCoding.of(request, supported);
		return (coding != null) ? coding.codec().coding() + " " + coding.label() : null;
	}

	public static String signedQuery(HttpServletRequest request) {
		SignedQuery query = SignedQuery.of(request);
		return ServedPaths.mentionsLocalStore(request) + " " + query.expires() + " " + query.signature();
	}

	/**
	 * Decode the content of a renewal token, and encode it.
	 * @return the bytes, or {@code null} if it is none
	 */
	public static byte @Nullable [] renewalToken(byte[] content) {
		RenewalToken token = RenewalToken.from(content);
		if (token == null) {
			return null;
		}
		token.isValid(NOW, Duration.ofHours(24));
		return token.toBytes();
	}

	public URI renew(@Nullable String token, HttpServletRequest request) {
		return this.renewals.renew(token, request).url();
	}

	public PointerRenewals renewals() {
		return this.renewals;
	}

	public static <T extends @Nullable Object> T init(byte[] body, String method, BufferAllocator allocator,
			Function<VectorSchemaRoot, T> reader) {
		return InitRequest.read(body, method, allocator, reader);
	}

}
