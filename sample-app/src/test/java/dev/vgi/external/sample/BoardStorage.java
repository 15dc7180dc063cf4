package dev.vgi.external.sample;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.TimeStampMicroVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * The storage of {@code .ci/board} and {@code .ci/soak}, which fails on demand. One
 * server on the loopback address, with
 * <ul>
 * <li>{@code /bucket}: as much of S3 as a service needs, in memory and without a look at
 * signatures. {@code PUT /fault/NAME} makes it fail, see {@link Fault};</li>
 * <li>{@code /credentials}: what the agent of EKS Pod Identity answers;</li>
 * <li>{@code /objects/BEHAVIOUR}: flights of others, each with another fault, see
 * {@link Behaviour};</li>
 * <li>{@code /pointers/BEHAVIOUR}: the body of a call whose batch is a pointer to the
 * above;</li>
 * <li>{@code PUT /line/NAME}: makes the line to another storage fail, see
 * {@link FaultyProxy}.</li>
 * </ul>
 */
public final class BoardStorage {

	private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d*)");

	private static final Pattern PART = Pattern.compile("partNumber=(\\d+)");

	private static final Pattern UPLOAD = Pattern.compile("uploadId=([0-9a-f]+)");

	private static final int FLIGHTS = 200_000;

	private static final int SLICES = 6;

	private static final int KEPT = 3;

	private final HttpServer server;

	private final byte[] flights;

	private final byte[] corrupt;

	private final Map<String, byte[]> stored = new ConcurrentHashMap<>();

	private final Map<String, Map<Integer, byte[]>> uploads = new ConcurrentHashMap<>();

	private final AtomicInteger stalls = new AtomicInteger();

	private final FaultyProxy line;

	private volatile Fault fault = Fault.NONE;

	private BoardStorage(InetSocketAddress address, FaultyProxy line) throws IOException {
		this.line = line;
		this.flights = stream();
		this.corrupt = this.flights.clone();
		new Random(1).ints(1000, 0, this.corrupt.length).forEach((place) -> this.corrupt[place] ^= 0x55);
		this.server = HttpServer.create(address, 0);
		this.server.setExecutor(Executors.newCachedThreadPool());
		this.server.createContext("/bucket", (exchange) -> answer(exchange, this::bucket));
		this.server.createContext("/credentials", (exchange) -> answer(exchange, this::credentials));
		this.server.createContext("/objects/", (exchange) -> answer(exchange, this::object));
		this.server.createContext("/pointers/", (exchange) -> answer(exchange, this::pointer));
		this.server.createContext("/fault/", (exchange) -> answer(exchange, this::setFault));
		this.server.createContext("/line/", (exchange) -> answer(exchange, this::setLine));
	}

	/**
	 * Serve until the process is ended, and print the port first. With a line, print that
	 * of the line, too, and serve at a second address: to be busy there.
	 * @param args the port of the storage at the other end of the line, or nothing
	 * @throws IOException if there is no port
	 */
	public static void main(String[] args) throws IOException {
		FaultyProxy line = new FaultyProxy((args.length > 0) ? Integer.parseInt(args[0]) : 0);
		int port = start(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), line);
		System.out.println(port);
		if (args.length > 0) {
			start(new InetSocketAddress("127.0.0.2", port), line);
			System.out.println(line.start());
		}
	}

	private static int start(InetSocketAddress address, FaultyProxy line) throws IOException {
		BoardStorage storage = new BoardStorage(address, line);
		storage.server.start();
		return storage.server.getAddress().getPort();
	}

	private void answer(HttpExchange exchange, Answer answer) throws IOException {
		try (exchange) {
			answer.to(exchange, last(exchange));
		}
		catch (InterruptedException ex) {
			Thread.currentThread().interrupt();
		}
	}

	private void setFault(HttpExchange exchange, String name) throws IOException {
		this.fault = Fault.valueOf(name);
		send(exchange, 204, new byte[0]);
	}

	private void setLine(HttpExchange exchange, String name) throws IOException {
		this.line.fail(FaultyProxy.Fault.valueOf(name));
		send(exchange, 204, new byte[0]);
	}

	// --- a bucket

	private void bucket(HttpExchange exchange, String key) throws IOException, InterruptedException {
		String method = exchange.getRequestMethod();
		String query = (exchange.getRequestURI().getRawQuery() != null) ? exchange.getRequestURI().getRawQuery() : "";
		byte[] body = exchange.getRequestBody().readAllBytes();
		boolean content = method.equals("PUT") || method.equals("POST") && !query.startsWith("uploads");
		if (this.fault == Fault.GONE || (this.fault == Fault.BREAKING && content)) {
			return; // without an answer
		}
		if (this.fault == Fault.SLOW && method.equals("GET")) {
			Thread.sleep(2_000);
		}
		switch (method) {
			case "HEAD" -> send(exchange, 200, new byte[0]);
			case "DELETE" -> {
				if (this.fault == Fault.BREAKING) {
					send(exchange, 403, error("AccessDenied"));
				}
				else {
					send(exchange, 204, new byte[0]);
				}
			}
			case "POST" -> send(exchange, 200, post(key, query));
			case "PUT" -> put(exchange, key, query, body);
			default -> {
				byte[] object = this.stored.get(key);
				if (object != null) {
					sendRange(exchange, object);
				}
				else {
					send(exchange, 404,
							error(query.startsWith("lifecycle") ? "NoSuchLifecycleConfiguration" : "NoSuchKey"));
				}
			}
		}
	}

	private void put(HttpExchange exchange, String key, String query, byte[] body) throws IOException {
		Matcher part = PART.matcher(query);
		Matcher upload = UPLOAD.matcher(query);
		if (part.find() && upload.find()) {
			parts(upload.group(1)).put(Integer.valueOf(part.group(1)), body);
		}
		else {
			store(key, body);
		}
		exchange.getResponseHeaders().set("ETag", etag(body));
		send(exchange, 200, new byte[0]);
	}

	private byte[] post(String key, String query) {
		Matcher upload = UPLOAD.matcher(query);
		if (!upload.find()) {
			String id = digest(("upload " + this.uploads.size()).getBytes(StandardCharsets.UTF_8));
			parts(id);
			return xml("InitiateMultipartUploadResult",
					"<Bucket>bucket</Bucket><Key>" + key + "</Key><UploadId>" + id + "</UploadId>");
		}
		byte[] object = join(parts(upload.group(1)).values());
		this.uploads.remove(upload.group(1));
		store(key, object);
		return xml("CompleteMultipartUploadResult",
				"<Bucket>bucket</Bucket><Key>" + key + "</Key><ETag>" + etag(object) + "</ETag>");
	}

	private void store(String key, byte[] object) {
		if (this.stored.size() >= KEPT) {
			this.stored.clear();
		}
		this.stored.put(key, object);
	}

	private Map<Integer, byte[]> parts(String upload) {
		return this.uploads.computeIfAbsent(upload, (id) -> new ConcurrentSkipListMap<>());
	}

	private static byte[] join(Collection<byte[]> parts) {
		byte[] whole = new byte[parts.stream().mapToInt((part) -> part.length).sum()];
		int length = 0;
		for (byte[] part : parts) {
			System.arraycopy(part, 0, whole, length, part.length);
			length += part.length;
		}
		return whole;
	}

	private static byte[] error(String code) {
		return ("<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>planted</Message></Error>")
			.getBytes(StandardCharsets.UTF_8);
	}

	private static byte[] xml(String name, String content) {
		return ("<?xml version=\"1.0\"?><" + name + " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + content
				+ "</" + name + ">")
			.getBytes(StandardCharsets.UTF_8);
	}

	private void credentials(HttpExchange exchange, String ignored) throws IOException {
		// Shorter than the links that are configured
		Instant expiration = Instant.now().plus(10, ChronoUnit.MINUTES).truncatedTo(ChronoUnit.SECONDS);
		send(exchange, 200, ("""
				{"AccessKeyId": "ASIABOARD", "SecretAccessKey": "planted", "Token": "planted", "Expiration": "%s"}"""
			.formatted(expiration)).getBytes(StandardCharsets.UTF_8));
	}

	// --- objects of others

	private void object(HttpExchange exchange, String name) throws IOException, InterruptedException {
		switch (Behaviour.valueOf(name)) {
			case FINE, WRONG -> sendRange(exchange, this.flights);
			case CORRUPT -> sendRange(exchange, this.corrupt);
			case TRUNCATED -> sendRange(exchange, Arrays.copyOf(this.flights, this.flights.length / 2));
			case OVERSIZED -> oversized(exchange);
			case STALLING -> {
				// Once for every object: a hedge is answered
				if (exchange.getRequestHeaders().getFirst("Range") != null && this.stalls.incrementAndGet() % 8 == 3) {
					stall(exchange);
				}
				else {
					sendRange(exchange, this.flights);
				}
			}
			case SILENT -> stall(exchange);
			case SLOW -> trickle(exchange);
			case EXPIRED -> send(exchange, 403, error("AccessDenied"));
			case MISSING -> send(exchange, 404, error("NoSuchKey"));
			case BUSY -> send(exchange, 503, error("SlowDown"));
			case REDIRECTING -> {
				exchange.getResponseHeaders().set("Location", exchange.getRequestURI().toString());
				send(exchange, 302, new byte[0]);
			}
			case BROKEN -> {
				// without an answer
			}
		}
	}

	private void pointer(HttpExchange exchange, String name) throws IOException {
		Behaviour behaviour = Behaviour.valueOf(name);
		Instant signed = Instant.now().minusSeconds((behaviour == Behaviour.EXPIRED) ? 7200 : 0);
		URI location = URI
			.create("http://" + exchange.getRequestHeaders().getFirst("Host") + "/objects/" + name + "?X-Amz-Date="
					+ DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC).format(signed)
					+ "&X-Amz-Expires=3600&X-Amz-Signature=5ec7e7");
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.LOCATION, location.toString())
			.with(MetadataKeys.LOCATION_SHA256, switch (behaviour) {
				case WRONG -> "0".repeat(64);
				case CORRUPT -> digest(this.corrupt);
				case TRUNCATED -> digest(Arrays.copyOf(this.flights, this.flights.length / 2));
				default -> digest(this.flights);
			});
		ByteArrayOutputStream body = new ByteArrayOutputStream();
		try (BufferAllocator allocator = new RootAllocator();
				AnnotatedBatch batch = AnnotatedBatch.empty(FlightStore.SCHEMA, metadata, allocator)) {
			write(batch, body);
		}
		send(exchange, 200, body.toByteArray());
	}

	// --- bytes

	private static byte[] stream() throws IOException {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (BufferAllocator allocator = new RootAllocator();
				VectorSchemaRoot root = VectorSchemaRoot.create(FlightStore.SCHEMA, allocator);
				AnnotatedBatch batch = AnnotatedBatch.of(root)) {
			root.getFieldVectors().forEach(FieldVector::allocateNew);
			for (int row = 0; row < FLIGHTS; row++) {
				((TimeStampMicroVector) root.getVector("date")).setSafe(row, 1_000_000L * row);
				((BigIntVector) root.getVector("delay")).setSafe(row, row % 60);
				((BigIntVector) root.getVector("distance")).setSafe(row, 236);
				((VarCharVector) root.getVector("origin")).setSafe(row, "XXA".getBytes(StandardCharsets.UTF_8));
				((VarCharVector) root.getVector("destination")).setSafe(row, "XXB".getBytes(StandardCharsets.UTF_8));
			}
			root.setRowCount(FLIGHTS);
			write(batch, bytes);
		}
		return bytes.toByteArray();
	}

	private static void write(AnnotatedBatch batch, ByteArrayOutputStream target) throws IOException {
		try (GatheredStream stream = IpcStreamWriter.gather(batch.schema(), List.of(batch))) {
			stream.writeTo(Channels.newChannel(target));
		}
	}

	private static void sendRange(HttpExchange exchange, byte[] object) throws IOException {
		exchange.getResponseHeaders().set("ETag", etag(object));
		byte[] range = range(exchange, object);
		send(exchange, (range == object) ? 200 : 206, range);
	}

	private void stall(HttpExchange exchange) throws IOException, InterruptedException {
		exchange.getResponseHeaders().set("ETag", etag(this.flights));
		byte[] range = range(exchange, this.flights);
		exchange.sendResponseHeaders((range == this.flights) ? 200 : 206, range.length);
		exchange.getResponseBody().write(range, 0, 1000);
		exchange.getResponseBody().flush();
		Thread.sleep(60_000);
	}

	// Six seconds for each range, but never silent for long
	private void trickle(HttpExchange exchange) throws IOException, InterruptedException {
		exchange.getResponseHeaders().set("ETag", etag(this.flights));
		byte[] range = range(exchange, this.flights);
		exchange.sendResponseHeaders((range == this.flights) ? 200 : 206, range.length);
		for (int slice = 0; slice < SLICES; slice++) {
			Thread.sleep(6_000 / SLICES);
			int from = (int) ((long) range.length * slice / SLICES);
			int to = (int) ((long) range.length * (slice + 1) / SLICES);
			exchange.getResponseBody().write(range, from, to - from);
			exchange.getResponseBody().flush();
		}
	}

	// As much as is taken
	private void oversized(HttpExchange exchange) throws IOException {
		String range = exchange.getRequestHeaders().getFirst("Range");
		exchange.getResponseHeaders().set("ETag", etag(this.corrupt));
		if (range != null) {
			exchange.getResponseHeaders().set("Content-Range", range.replace("=", " ") + "/" + (1L << 40));
		}
		boolean head = exchange.getRequestMethod().equals("HEAD");
		exchange.sendResponseHeaders((range != null) ? 206 : 200, head ? -1 : 0);
		for (long sent = 0; !head && sent < 1L << 30; sent += this.flights.length) {
			exchange.getResponseBody().write(this.flights);
		}
	}

	private static byte[] range(HttpExchange exchange, byte[] object) {
		String header = exchange.getRequestHeaders().getFirst("Range");
		Matcher range = RANGE.matcher((header != null) ? header : "");
		if (!range.matches()) {
			return object;
		}
		int from = Integer.parseInt(range.group(1));
		int to = range.group(2).isEmpty() ? object.length
				: Math.min(object.length, Integer.parseInt(range.group(2)) + 1);
		exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + (to - 1) + "/" + object.length);
		return Arrays.copyOfRange(object, from, to);
	}

	private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
		try (InputStream rest = exchange.getRequestBody()) {
			rest.readAllBytes();
		}
		boolean head = exchange.getRequestMethod().equals("HEAD");
		exchange.sendResponseHeaders(status, (body.length == 0 || head) ? -1 : body.length);
		if (body.length > 0 && !head) {
			exchange.getResponseBody().write(body);
		}
	}

	private static String last(HttpExchange exchange) {
		String path = exchange.getRequestURI().getPath();
		return path.substring(path.lastIndexOf('/') + 1);
	}

	private static String etag(byte[] bytes) {
		return '"' + digest(bytes).substring(0, 32) + '"';
	}

	private static String digest(byte[] bytes) {
		try {
			return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * What the bucket does.
	 */
	enum Fault {

		/** It works. */
		NONE,

		/** Reading takes two seconds. */
		SLOW,

		/** Content that is sent is not answered, and nothing may be deleted. */
		BREAKING,

		/** Nothing is answered. */
		GONE

	}

	/**
	 * What happens to whoever fetches an object.
	 */
	enum Behaviour {

		/** It is sent. */
		FINE,

		/** It has another digest than the pointer says. */
		WRONG,

		/** Its bytes are those of flights here and there. */
		CORRUPT,

		/** Its second half is missing. */
		TRUNCATED,

		/** It has a terabyte, and sends as much of it as is taken. */
		OVERSIZED,

		/** One range in eight is never sent. */
		STALLING,

		/** Nothing but its first bytes is sent. */
		SILENT,

		/** It comes drop by drop. */
		SLOW,

		/** The link ended an hour ago. */
		EXPIRED,

		/** It is not there. */
		MISSING,

		/** The storage asks to come back later. */
		BUSY,

		/** It leads back to itself. */
		REDIRECTING,

		/** The connection ends without an answer. */
		BROKEN

	}

	private interface Answer {

		void to(HttpExchange exchange, String name) throws IOException, InterruptedException;

	}

}
