package dev.vgi.external.web.server;

import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

import dev.vgi.external.codec.ContentCodec;
import jakarta.servlet.http.HttpServletRequest;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpHeaders;

/**
 * How to encode an answer and which header names the coding. The protocol's own header is
 * evaluated first, since it lists what the caller itself decodes; then the standard one,
 * which the caller's HTTP client may have set. In each, weights apply as in RFC 9110,
 * section 12.5.3. Among equal weights the order decides, as for all peers.
 *
 * @param codec encodes the answer
 * @param label the header that names the coding
 */
record AnswerCoding(ContentCodec codec, String label) {

	/**
	 * Header for the coding of an answer if the caller's HTTP client does not know the
	 * coding.
	 */
	static final String LABEL = "X-VGI-Content-Encoding";

	private static final String ACCEPT = "X-VGI-Accept-Encoding";

	private static final String IDENTITY = "identity";

	private static final String ANY = "*";

	private static final String GZIP = "gzip";

	private static final Pattern WEIGHT = Pattern.compile("0(\\.\\d{0,3})?|1(\\.0{0,3})?");

	/**
	 * Choose the coding of an answer.
	 * @param request the request
	 * @param supported the codings to choose from, best first
	 * @return the coding that the caller prefers, or {@code null} for a plain answer. If
	 * plain answers are excluded, any coding that is not excluded is used; if everything
	 * is excluded, the answer is plain nevertheless, since the handler has done its work
	 */
	static @Nullable AnswerCoding of(HttpServletRequest request, List<String> supported) {
		Map<String, Double> own = offers(request.getHeaders(ACCEPT));
		Map<String, Double> standard = offers(request.getHeaders(HttpHeaders.ACCEPT_ENCODING));
		Map<String, Double> weights = weights(standard, supported);
		String coding = best(weights(own, supported));
		if (coding == null) {
			coding = best(weights);
		}
		if (coding == null && excludesPlain(own)) {
			return of(unmentioned(own, supported), LABEL);
		}
		if (coding == null && excludesPlain(standard)) {
			return of(unmentioned(standard, supported), HttpHeaders.CONTENT_ENCODING);
		}
		// If the caller's HTTP client knows the codec too, the standard header names it.
		return of(coding, (weights.getOrDefault(coding, 0.0) > 0) ? HttpHeaders.CONTENT_ENCODING : LABEL);
	}

	/**
	 * Return whether a caller's HTTP client accepts a coding.
	 * @param request the request
	 * @param coding the coding
	 * @return whether {@code Accept-Encoding} names it or a wildcard, with a weight above
	 * 0
	 */
	static boolean isAccepted(HttpServletRequest request, String coding) {
		return weights(offers(request.getHeaders(HttpHeaders.ACCEPT_ENCODING)), List.of(coding)).getOrDefault(coding,
				0.0) > 0;
	}

	private static @Nullable AnswerCoding of(@Nullable String coding, String label) {
		ContentCodec codec = ContentCodec.forCoding(coding);
		return (codec != null) ? new AnswerCoding(codec, label) : null;
	}

	private static boolean excludesPlain(Map<String, Double> offers) {
		return offers.getOrDefault(IDENTITY, 1.0) == 0;
	}

	// No coding that the caller named is available, and plain answers are excluded. Among
	// the codings not mentioned, gzip is the most widely known.
	private static @Nullable String unmentioned(Map<String, Double> offers, List<String> supported) {
		List<String> left = supported.stream()
			.filter((coding) -> !offers.containsKey(coding) && !offers.containsKey(ANY))
			.toList();
		return left.contains(GZIP) ? GZIP : left.isEmpty() ? null : left.get(0);
	}

	private static @Nullable String best(Map<String, Double> weights) {
		String best = null;
		double most = 0;
		for (Map.Entry<String, Double> entry : weights.entrySet()) {
			if (entry.getValue() > most) {
				best = entry.getKey();
				most = entry.getValue();
			}
		}
		return best;
	}

	// the weight of each coding, in the caller's order
	private static Map<String, Double> offers(Enumeration<String> headers) {
		Map<String, Double> offered = new LinkedHashMap<>();
		while (headers.hasMoreElements()) {
			for (String offer : headers.nextElement().split(",")) {
				offered.putIfAbsent(coding(offer), weight(offer));
			}
		}
		return offered;
	}

	// the weights of the codings that are supported, in the caller's order
	private static Map<String, Double> weights(Map<String, Double> offered, List<String> supported) {
		Map<String, Double> weights = new LinkedHashMap<>();
		offered.forEach((coding, weight) -> {
			if (coding.equals(ANY)) {
				supported.stream()
					.filter((other) -> !offered.containsKey(other))
					.forEach((other) -> weights.put(other, weight));
			}
			else if (coding.equals(IDENTITY) || supported.contains(coding)) {
				weights.put(coding, weight);
			}
		});
		return weights;
	}

	private static String coding(String offer) {
		ContentCodec codec = ContentCodec.forCoding(offer);
		return (codec != null) ? codec.coding() : offer.split(";", 2)[0].trim().toLowerCase(Locale.ROOT);
	}

	private static double weight(String offer) {
		String[] parts = offer.split(";");
		for (int i = 1; i < parts.length; i++) {
			String[] parameter = parts[i].split("=", 2);
			if (parameter[0].trim().equalsIgnoreCase("q")) {
				String weight = (parameter.length > 1) ? parameter[1].trim() : "";
				// An invalid weight counts as a refusal.
				return WEIGHT.matcher(weight).matches() ? Double.parseDouble(weight) : 0;
			}
		}
		return 1;
	}

}
