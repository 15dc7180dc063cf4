package dev.vgi.external.storage.gcs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The part of Google Cloud Storage, of its identity service and of a machine's metadata
 * that {@link GcsStorage} uses. Verifies what Google verifies: V4 signatures with the
 * public key of the account that they name, the assertions for which access tokens are
 * given, and these tokens. Answers a link that has expired with 403, where Google says
 * 400. Holds everything in memory, records every request and fails when told to.
 */
final class GcsServer implements AutoCloseable {

	private static final int CHUNK_UNIT = 256 << 10;

	private static final DateTimeFormatter TIMESTAMP = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'")
		.withZone(ZoneOffset.UTC);

	private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (?:([0-9]+)-([0-9]+)|\\*)/([0-9]+|\\*)");

	private static final Pattern RANGE = Pattern.compile("bytes=([0-9]+)-([0-9]*)");

	private static final Pattern SIGN_BLOB = Pattern.compile("/v1/projects/-/serviceAccounts/([^/:]+):signBlob");

	private static final JsonMapper JSON = JsonMapper.shared();

	private final HttpServer server;

	private final ExecutorService executor = Executors.newCachedThreadPool();

	private final Map<String, KeyPair> accounts = new ConcurrentHashMap<>();

	/** Whose they are. */
	private final Map<String, String> tokens = new ConcurrentHashMap<>();

	private final Map<String, Map<String, Stored>> buckets = new ConcurrentHashMap<>();

	private final Map<String, Session> sessions = new ConcurrentHashMap<>();

	private final Map<String, String> lifecycles = new ConcurrentHashMap<>();

	private final List<Request> requests = new CopyOnWriteArrayList<>();

	private final AtomicInteger count = new AtomicInteger();

	private volatile @Nullable String machineAccount;

	/** Returns what goes wrong, or {@code null}. */
	private volatile Function<Request, @Nullable Failure> failures = (request) -> null;

	GcsServer() throws IOException {
		this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 200);
		this.server.setExecutor(this.executor);
		this.server.createContext("/", this::handle);
		this.server.start();
	}

	URI url() {
		return URI.create("http://127.0.0.1:" + this.server.getAddress().getPort());
	}

	URI tokenUrl() {
		return url().resolve("/token");
	}

	/**
	 * Let the world know an account's public key, and IAM its private one.
	 * @param email the account
	 * @param keys its keys
	 */
	void account(String email, KeyPair keys) {
		this.accounts.put(email, keys);
	}

	/**
	 * Say on whose behalf the machine works.
	 * @param email an account
	 */
	void machineAccount(String email) {
		this.machineAccount = email;
	}

	void bucket(String name) {
		this.buckets.put(name, new ConcurrentSkipListMap<>());
	}

	void lifecycle(String bucket, String rules) {
		this.lifecycles.put(bucket, rules);
	}

	void failing(Function<Request, @Nullable Failure> failures) {
		this.failures = failures;
	}

	List<Request> requests() {
		return this.requests;
	}

	/**
	 * Return the requests for objects and sessions, without those for tokens.
	 * @param method a method
	 * @return what came
	 */
	List<Request> requests(String method) {
		return this.requests.stream()
			.filter((request) -> request.method().equals(method) && !request.path().equals("/token"))
			.toList();
	}

	/**
	 * Return what a bucket holds.
	 * @param bucket its name
	 * @return names of objects and of those that a session is open for
	 */
	List<String> contents(String bucket) {
		List<String> names = new ArrayList<>(objects(bucket).keySet());
		this.sessions.values()
			.stream()
			.filter((session) -> session.bucket.equals(bucket) && !session.finished)
			.forEach((session) -> names.add(session.name));
		return names;
	}

	Map<String, Stored> objects(String bucket) {
		return this.buckets.getOrDefault(bucket, Map.of());
	}

	private void handle(HttpExchange exchange) throws IOException {
		Headers headers = exchange.getRequestHeaders();
		Request request = new Request(exchange.getRequestMethod(), exchange.getRequestURI(), new TreeMap<>());
		headers
			.forEach((name, values) -> request.headers().put(name.toLowerCase(Locale.ROOT), String.join(",", values)));
		this.requests.add(request);
		Answer answer;
		try {
			Failure failure = this.failures.apply(request);
			byte[] body = (failure != null && failure.bytes() >= 0)
					? exchange.getRequestBody().readNBytes(failure.bytes()) : readAll(exchange);
			if (failure != null && failure.status() > 0) {
				answer = error(failure.status(), failure.code());
			}
			else {
				answer = answer(request, body, failure != null);
			}
			if (failure != null && failure.status() == 0) {
				// What was done was done, but nobody hears of it.
				exchange.close();
				return;
			}
		}
		catch (Refusal ex) {
			answer = error(ex.status, ex.code);
		}
		catch (GeneralSecurityException ex) {
			answer = error(403, "SignatureDoesNotMatch");
		}
		exchange.getResponseHeaders().set("x-guploader-uploadid", "REQUEST1");
		answer.headers().forEach(exchange.getResponseHeaders()::set);
		boolean hasBody = answer.body().length > 0 && !request.method().equals("HEAD");
		exchange.sendResponseHeaders(answer.status(), hasBody ? answer.body().length : -1);
		if (hasBody) {
			exchange.getResponseBody().write(answer.body());
		}
		exchange.close();
	}

	private static byte[] readAll(HttpExchange exchange) throws IOException {
		// A body that breaks off is no object: nothing is stored and nobody is answered.
		String length = exchange.getRequestHeaders().getFirst("Content-Length");
		InputStream in = exchange.getRequestBody();
		byte[] body = in.readAllBytes();
		if (length != null && body.length < Long.parseLong(length)) {
			throw new IOException("the body broke off");
		}
		return body;
	}

	private Answer answer(Request request, byte[] body, boolean partial) throws GeneralSecurityException {
		String path = request.path();
		if (path.equals("/token")) {
			return token(body);
		}
		if (path.startsWith("/computeMetadata/")) {
			return metadata(request);
		}
		Matcher signBlob = SIGN_BLOB.matcher(path);
		if (signBlob.matches()) {
			return signBlob(request, decoded(signBlob.group(1)), body);
		}
		if (path.startsWith("/upload/storage/v1/b/")) {
			return (request.parameter("upload_id") != null) ? session(request, body, partial)
					: openSession(request, body);
		}
		if (path.startsWith("/storage/v1/b/")) {
			return json(request, path.substring("/storage/v1/b/".length()).split("/", 3));
		}
		return object(request, body, partial);
	}

	private Answer token(byte[] body) throws GeneralSecurityException {
		Matcher assertion = Pattern.compile("assertion=([^.&]+)\\.([^.&]+)\\.([^.&]+)")
			.matcher(new String(body, StandardCharsets.US_ASCII));
		if (!assertion.find()) {
			return new Answer(400, Map.of(), "{\"error\": \"invalid_request\"}");
		}
		String claims = new String(Base64.getUrlDecoder().decode(assertion.group(2)), StandardCharsets.UTF_8);
		String email = JSON.readTree(claims).get("iss").asString();
		boolean right = verify(email, (assertion.group(1) + "." + assertion.group(2)).getBytes(StandardCharsets.UTF_8),
				Base64.getUrlDecoder().decode(assertion.group(3)));
		return right ? grant(email) : new Answer(400, Map.of(), "{\"error\": \"invalid_grant\"}");
	}

	private Answer grant(String email) {
		String token = "planted-token-" + this.count.incrementAndGet();
		this.tokens.put(token, email);
		return new Answer(200, Map.of("Content-Type", "application/json"),
				"{\"access_token\": \"" + token + "\", \"expires_in\": 3600, \"token_type\": \"Bearer\"}");
	}

	private Answer metadata(Request request) {
		String email = this.machineAccount;
		if (email == null || !"Google".equals(request.headers().get("metadata-flavor"))) {
			throw new Refusal(404, "notFound");
		}
		Map<String, String> headers = Map.of("Metadata-Flavor", "Google", "Content-Type", "application/json");
		if (request.path().endsWith("/token")) {
			return new Answer(200, headers, grant(email).text());
		}
		if (request.path().endsWith("/service-accounts/") || request.path().endsWith("/service-accounts")) {
			return new Answer(200, headers, "{\"default\": {\"email\": \"" + email + "\"}}");
		}
		return new Answer(request.path().endsWith("/email") ? 200 : 404, headers, email);
	}

	private Answer signBlob(Request request, String email, byte[] body) throws GeneralSecurityException {
		authorize(request);
		KeyPair keys = this.accounts.get(email);
		if (keys == null) {
			throw new Refusal(404, "notFound");
		}
		byte[] payload = Base64.getDecoder().decode(JSON.readTree(body).get("payload").asString());
		Signature signature = Signature.getInstance("SHA256withRSA");
		signature.initSign(keys.getPrivate());
		signature.update(payload);
		return new Answer(200, Map.of("Content-Type", "application/json"), "{\"keyId\": \"key\", \"signedBlob\": \""
				+ Base64.getEncoder().encodeToString(signature.sign()) + "\"}");
	}

	private void authorize(Request request) {
		String authorization = request.headers().getOrDefault("authorization", "");
		if (!authorization.startsWith("Bearer ") || !this.tokens.containsKey(authorization.substring(7))) {
			throw new Refusal(401, "authError");
		}
	}

	private Answer json(Request request, String[] path) {
		authorize(request);
		Map<String, Stored> bucket = existing(path[0]);
		if (path.length == 3 && request.method().equals("DELETE")) {
			return new Answer((bucket.remove(decoded(path[2])) != null) ? 204 : 404, Map.of(), "");
		}
		if (path.length > 1 || !request.method().equals("GET")) {
			throw new Refusal(400, "invalid");
		}
		String lifecycle = this.lifecycles.get(path[0]);
		return new Answer(200, Map.of("Content-Type", "application/json"), "{\"kind\": \"storage#bucket\", \"name\": \""
				+ path[0] + "\"" + ((lifecycle != null) ? ", \"lifecycle\": " + lifecycle : "") + "}");
	}

	private Answer openSession(Request request, byte[] body) {
		authorize(request);
		String bucket = request.path().split("/")[5];
		existing(bucket);
		if (!request.method().equals("POST") || !"resumable".equals(request.parameter("uploadType"))) {
			throw new Refusal(400, "invalid");
		}
		Session session = new Session(bucket, String.valueOf(request.parameter("name")), JSON.readTree(body));
		String id = "planted-session-" + this.count.incrementAndGet();
		this.sessions.put(id, session);
		return new Answer(200, Map.of("Location",
				"http://" + request.headers().get("host") + request.path() + "?uploadType=resumable&upload_id=" + id),
				"");
	}

	private Answer session(Request request, byte[] body, boolean partial) {
		String id = String.valueOf(request.parameter("upload_id"));
		Session session = this.sessions.get(id);
		if (session == null) {
			throw new Refusal(404, "notFound");
		}
		if (request.method().equals("DELETE")) {
			this.sessions.remove(id);
			return new Answer(499, Map.of(), "");
		}
		synchronized (session) {
			return chunk(session, request, body, partial);
		}
	}

	private Answer chunk(Session session, Request request, byte[] body, boolean partial) {
		Matcher range = CONTENT_RANGE.matcher(request.headers().getOrDefault("content-range", ""));
		if (!range.matches() || !request.method().equals("PUT")) {
			throw new Refusal(400, "invalid");
		}
		long total = range.group(3).equals("*") ? -1 : Long.parseLong(range.group(3));
		if (range.group(1) != null && !session.finished) {
			long first = Long.parseLong(range.group(1));
			long length = Long.parseLong(range.group(2)) + 1 - first;
			int known = (int) (session.bytes.size() - first);
			if (known < 0 || (!partial && body.length != length) || (total < 0 && length % CHUNK_UNIT != 0)) {
				throw new Refusal(400, "invalid");
			}
			// What breaks off in the middle of a unit is not kept, what is known already
			// left aside.
			int kept = (body.length < length) ? body.length / CHUNK_UNIT * CHUNK_UNIT : body.length;
			if (kept > known) {
				session.bytes.write(body, known, kept - known);
			}
		}
		if (session.bytes.size() == total && !session.finished) {
			session.finished = true;
			existing(session.bucket).put(session.name,
					new Stored(session.bytes.toByteArray(), text(session.metadata, "contentType"),
							text(session.metadata, "contentEncoding"), text(session.metadata, "cacheControl"),
							this.count.incrementAndGet()));
		}
		if (session.finished) {
			return new Answer(200, Map.of("Content-Type", "application/json"), "{\"kind\": \"storage#object\"}");
		}
		return new Answer(308,
				(session.bytes.size() > 0) ? Map.of("Range", "bytes=0-" + (session.bytes.size() - 1)) : Map.of(), "");
	}

	private static @Nullable String text(JsonNode metadata, String name) {
		JsonNode value = metadata.get(name);
		return (value != null) ? value.asString() : null;
	}

	private Map<String, Stored> existing(String bucket) {
		Map<String, Stored> existing = this.buckets.get(bucket);
		if (existing == null) {
			throw new Refusal(404, "NoSuchBucket");
		}
		return existing;
	}

	private Answer object(Request request, byte[] body, boolean partial) throws GeneralSecurityException {
		verify(request);
		String[] path = request.path().split("/", 3);
		Map<String, Stored> bucket = existing(path[1]);
		String name = decoded(path[2]);
		Map<String, String> headers = request.headers();
		switch (request.method()) {
			case "PUT" -> {
				if (partial && body.length < Long.parseLong(headers.getOrDefault("content-length", "0"))) {
					throw new Refusal(400, "IncompleteBody");
				}
				Stored stored = new Stored(body, headers.get("content-type"), headers.get("content-encoding"),
						headers.get("cache-control"), this.count.incrementAndGet());
				if ("0".equals(headers.get("x-goog-if-generation-match"))) {
					if (bucket.putIfAbsent(name, stored) != null) {
						throw new Refusal(412, "PreconditionFailed");
					}
				}
				else {
					bucket.put(name, stored);
				}
				return new Answer(200, Map.of("ETag", stored.entityTag()), "");
			}
			case "GET", "HEAD" -> {
				Stored stored = bucket.get(name);
				if (stored == null) {
					throw new Refusal(404, "NoSuchKey");
				}
				return serve(stored, headers);
			}
			default -> throw new Refusal(405, "MethodNotAllowed");
		}
	}

	private static Answer serve(Stored stored, Map<String, String> request) {
		String condition = request.get("if-match");
		if (condition != null && !condition.equals(stored.entityTag())) {
			throw new Refusal(412, "PreconditionFailed");
		}
		TreeMap<String, String> headers = new TreeMap<>();
		headers.put("ETag", stored.entityTag());
		headers.put("Accept-Ranges", "bytes");
		headers.put("Content-Type", (stored.type() != null) ? stored.type() : "application/octet-stream");
		boolean transcoded = "gzip".equals(stored.coding())
				&& !request.getOrDefault("accept-encoding", "").contains("gzip")
				&& !String.valueOf(stored.cacheControl()).contains("no-transform");
		if (transcoded) {
			// Not decompressed really, but so that everybody notices.
			headers.put("Warning", "214 UploadServer gunzipped");
			return new Answer(200, headers, "gunzipped");
		}
		if (stored.coding() != null) {
			headers.put("Content-Encoding", stored.coding());
		}
		Matcher range = RANGE.matcher(request.getOrDefault("range", ""));
		if (!range.matches()) {
			return new Answer(200, headers, stored.bytes());
		}
		int first = Integer.parseInt(range.group(1));
		int last = range.group(2).isEmpty() ? stored.bytes().length - 1
				: Math.min(Integer.parseInt(range.group(2)), stored.bytes().length - 1);
		if (first > last) {
			throw new Refusal(416, "InvalidRange");
		}
		headers.put("Content-Range", "bytes " + first + "-" + last + "/" + stored.bytes().length);
		return new Answer(206, headers, Arrays.copyOfRange(stored.bytes(), first, last + 1));
	}

	private void verify(Request request) throws GeneralSecurityException {
		String credential = String.valueOf(request.parameter("X-Goog-Credential"));
		String date = String.valueOf(request.parameter("X-Goog-Date"));
		String signedHeaders = String.valueOf(request.parameter("X-Goog-SignedHeaders"));
		String signature = request.parameter("X-Goog-Signature");
		if (signature == null || !"GOOG4-RSA-SHA256".equals(request.parameter("X-Goog-Algorithm"))) {
			throw new Refusal(403, "AccessDenied");
		}
		List<String> signed = List.of(signedHeaders.split(";"));
		// What is not signed must not change what the request means.
		if (!signed.contains("host") || request.headers()
			.keySet()
			.stream()
			.anyMatch((name) -> name.startsWith("x-goog-") && !signed.contains(name))) {
			throw new Refusal(403, "MalformedSecurityHeader");
		}
		StringBuilder canonical = new StringBuilder(request.method()).append('\n')
			.append(request.path())
			.append('\n')
			.append(canonicalQuery(request))
			.append('\n');
		for (String name : signed) {
			canonical.append(name).append(':').append(request.headers().get(name)).append('\n');
		}
		canonical.append('\n').append(signedHeaders).append("\nUNSIGNED-PAYLOAD");
		String scope = date.substring(0, 8) + "/auto/storage/goog4_request";
		String toSign = "GOOG4-RSA-SHA256\n" + date + "\n" + scope + "\n" + sha256(canonical.toString());
		int slash = credential.indexOf('/');
		if (slash < 0 || !credential.substring(slash + 1).equals(scope)
				|| !verify(credential.substring(0, slash), toSign.getBytes(StandardCharsets.UTF_8), bytes(signature))) {
			throw new Refusal(403, "SignatureDoesNotMatch");
		}
		long expires = Long.parseLong(String.valueOf(request.parameter("X-Goog-Expires")));
		if (expires > 604_800 || TIMESTAMP.parse(date, Instant::from).plusSeconds(expires).isBefore(Instant.now())) {
			throw new Refusal(403, "ExpiredToken");
		}
	}

	private static byte[] bytes(String signature) {
		try {
			return HexFormat.of().parseHex(signature);
		}
		catch (IllegalArgumentException ex) {
			throw new Refusal(403, "SignatureDoesNotMatch");
		}
	}

	private static String canonicalQuery(Request request) {
		List<String> parameters = new ArrayList<>(List.of(request.query().split("&")));
		parameters.removeIf((parameter) -> parameter.startsWith("X-Goog-Signature="));
		parameters.sort(null);
		return String.join("&", parameters);
	}

	private boolean verify(String email, byte[] signed, byte[] signature) throws GeneralSecurityException {
		KeyPair keys = this.accounts.get(email);
		if (keys == null) {
			return false;
		}
		PublicKey key = keys.getPublic();
		Signature verifier = Signature.getInstance("SHA256withRSA");
		verifier.initVerify(key);
		verifier.update(signed);
		return verifier.verify(signature);
	}

	private static String sha256(String text) throws GeneralSecurityException {
		return HexFormat.of()
			.formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
	}

	/**
	 * Answer with an error that quotes what must not be shown, as Google does.
	 * @param status the status
	 * @param code the error code; those of the XML paths start with a capital letter
	 * @return the answer
	 */
	private static Answer error(int status, String code) {
		if (Character.isUpperCase(code.charAt(0))) {
			return new Answer(status, Map.of("Content-Type", "application/xml; charset=UTF-8"),
					"<Error><Code>" + code + "</Code><Message>https://x/?X-Goog-Signature=planted</Message></Error>");
		}
		return new Answer(status, Map.of("Content-Type", "application/json; charset=UTF-8"), "{\"error\": {\"code\": "
				+ status + ", \"message\": \"planted\", \"errors\": [{\"reason\": \"" + code + "\"}]}}");
	}

	private static String decoded(String text) {
		return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
	}

	@Override
	public void close() {
		this.server.stop(0);
		this.executor.shutdownNow();
	}

	/**
	 * What came.
	 *
	 * @param method its method
	 * @param uri its target
	 * @param headers its headers, names in lower case
	 */
	record Request(String method, URI uri, TreeMap<String, String> headers) {

		String path() {
			return this.uri.getRawPath();
		}

		String query() {
			String query = this.uri.getRawQuery();
			return (query != null) ? query : "";
		}

		@Nullable String parameter(String name) {
			for (String parameter : query().split("&")) {
				if (parameter.startsWith(name + "=")) {
					return decoded(parameter.substring(name.length() + 1));
				}
			}
			return null;
		}

		boolean isChunk() {
			return this.method.equals("PUT") && parameter("upload_id") != null
					&& !this.headers.getOrDefault("content-range", "").startsWith("bytes *");
		}

		String contentRange() {
			return this.headers.getOrDefault("content-range", "");
		}

	}

	/**
	 * What goes wrong with a request.
	 *
	 * @param status the status to answer with, or 0 to answer nothing
	 * @param code the error code
	 * @param bytes how many bytes of the body are read before, or -1 for all
	 */
	record Failure(int status, String code, int bytes) {

		static Failure of(int status, String code) {
			return new Failure(status, code, -1);
		}

		/**
		 * The connection breaks after some bytes.
		 * @param bytes bytes
		 * @return the failure
		 */
		static Failure brokenAfter(int bytes) {
			return new Failure(0, "none", bytes);
		}

		/**
		 * The request is carried out, but the answer gets lost.
		 * @return the failure
		 */
		static Failure unheard() {
			return new Failure(0, "none", -1);
		}

	}

	/**
	 * An object.
	 *
	 * @param bytes what was stored
	 * @param type its content type
	 * @param coding its content coding
	 * @param cacheControl who may change it on the way
	 * @param generation which one
	 */
	record Stored(byte[] bytes, @Nullable String type, @Nullable String coding, @Nullable String cacheControl,
			int generation) {

		String entityTag() {
			return "\"" + this.generation + "\"";
		}

	}

	private static final class Session {

		private final String bucket;

		private final String name;

		private final JsonNode metadata;

		private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

		private boolean finished;

		Session(String bucket, String name, JsonNode metadata) {
			this.bucket = bucket;
			this.name = name;
			this.metadata = metadata;
		}

	}

	private record Answer(int status, Map<String, String> headers, byte[] body) {

		Answer(int status, Map<String, String> headers, String body) {
			this(status, headers, body.getBytes(StandardCharsets.UTF_8));
		}

		String text() {
			return new String(this.body, StandardCharsets.UTF_8);
		}

	}

	private static final class Refusal extends RuntimeException {

		private final int status;

		private final String code;

		Refusal(int status, String code) {
			this.status = status;
			this.code = code;
		}

	}

}
