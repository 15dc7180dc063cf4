package dev.vgi.external.autoconfigure;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import dev.vgi.external.url.RedactedUrl;

import org.springframework.boot.actuate.web.exchanges.HttpExchange;
import org.springframework.boot.actuate.web.exchanges.HttpExchangeRepository;

/**
 * Removes signed URLs of redirects from the recorded HTTP exchanges.
 */
final class RedactingExchangeRepository implements HttpExchangeRepository {

	private static final Set<String> URL_HEADERS = Set.of("location", "content-location", "referer");

	private final HttpExchangeRepository delegate;

	RedactingExchangeRepository(HttpExchangeRepository delegate) {
		this.delegate = delegate;
	}

	@Override
	public List<HttpExchange> findAll() {
		return this.delegate.findAll();
	}

	// Boot's own recorder may pass a null address, too.
	@Override
	@SuppressWarnings("NullAway")
	public void add(HttpExchange exchange) {
		HttpExchange.Request request = exchange.getRequest();
		HttpExchange.Response response = exchange.getResponse();
		this.delegate.add(new HttpExchange(exchange.getTimestamp(),
				new HttpExchange.Request(request.getUri(), request.getRemoteAddress(), request.getMethod(),
						redact(request.getHeaders())),
				new HttpExchange.Response(response.getStatus(), redact(response.getHeaders())), exchange.getPrincipal(),
				exchange.getSession(), exchange.getTimeTaken()));
	}

	private static Map<String, List<String>> redact(Map<String, List<String>> headers) {
		Map<String, List<String>> redacted = new LinkedHashMap<>();
		headers.forEach((name, values) -> redacted.put(name, URL_HEADERS.contains(name.toLowerCase(Locale.ROOT))
				? values.stream().map(RedactingExchangeRepository::withoutQuery).toList() : values));
		return redacted;
	}

	// A location may be relative, which RedactedUrl does not treat as a URL.
	private static String withoutQuery(String url) {
		return RedactedUrl.scrub(url.replaceFirst("[?#].*", ""));
	}

}
