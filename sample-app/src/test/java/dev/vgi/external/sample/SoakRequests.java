package dev.vgi.external.sample;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.zip.GZIPOutputStream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.web.client.VgiClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.TimeStampMicroVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * The calls of {@code .ci/soak} that are nothing but HTTP: of plain callers, of callers
 * that leave, and of those who send what they should not.
 */
final class SoakRequests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	/** What the service may answer to what it cannot take. Never 500. */
	private static final Set<Integer> REFUSED = Set.of(400, 404, 411, 413, 415, 422, 502, 503, 504);

	/** Left alone by a host of the network, or none. */
	private static final List<String> FORBIDDEN = List.of("http://169.254.169.254/latest/meta-data/",
			"file:///etc/passwd", "http://10.0.0.1/object", "https://localhost:1/object", "http://[::1]:8080/object",
			"http://0177.0.0.1/object", "jar:file:/tmp/x!/y", "//127.0.0.1/object", "http://127.0.0.1:99999/object");

	private static final List<String> BEHAVIOURS = List.of("FINE", "STALLING", "SILENT", "SLOW", "WRONG", "CORRUPT",
			"TRUNCATED", "OVERSIZED", "EXPIRED", "MISSING", "BUSY", "REDIRECTING", "BROKEN");

	private final HttpClient httpClient = HttpClient.newBuilder()
		.version(HttpClient.Version.HTTP_1_1)
		.connectTimeout(Duration.ofSeconds(20))
		.followRedirects(Redirect.NORMAL)
		.build();

	private final URI url;

	private final URI storage;

	private final VgiClient vgiClient;

	private final BufferAllocator allocator;

	private final byte[] flights;

	private final byte[] strangers;

	private final byte[] bomb;

	/**
	 * Create requests.
	 * @param url of the service
	 * @param storage the {@link BoardStorage}
	 * @param flights what is imported, less than the service takes inline; taken over
	 * @param vgiClient gets upload URLs
	 * @param allocator for pointers
	 * @throws IOException never
	 */
	SoakRequests(URI url, URI storage, VectorSchemaRoot flights, VgiClient vgiClient, BufferAllocator allocator)
			throws IOException {
		this.url = url;
		this.storage = storage;
		this.vgiClient = vgiClient;
		this.allocator = allocator;
		try (flights) {
			this.flights = toStream(AnnotatedBatch.of(flights));
		}
		this.strangers = strangers(allocator);
		ByteArrayOutputStream zeros = new ByteArrayOutputStream();
		try (GZIPOutputStream gzip = new GZIPOutputStream(zeros)) {
			for (int megabyte = 0; megabyte < 1000; megabyte++) {
				gzip.write(new byte[1 << 20]);
			}
		}
		this.bomb = Arrays.copyOf(zeros.toByteArray(), 1_000_000);
	}

	// Of routes that nobody reads, so that nothing is lost if they are changed and
	// imported
	private static byte[] strangers(BufferAllocator allocator) throws IOException {
		try (VectorSchemaRoot root = VectorSchemaRoot.create(FlightStore.SCHEMA, allocator)) {
			root.getFieldVectors().forEach((vector) -> {
				vector.setInitialCapacity(1000);
				vector.allocateNew();
			});
			for (int row = 0; row < 1000; row++) {
				((TimeStampMicroVector) root.getVector("date")).setSafe(row, 1_000_000L * row);
				((BigIntVector) root.getVector("delay")).setSafe(row, row % 60);
				((BigIntVector) root.getVector("distance")).setSafe(row, 236);
				((VarCharVector) root.getVector("origin")).setSafe(row, "XXC".getBytes(StandardCharsets.UTF_8));
				((VarCharVector) root.getVector("destination")).setSafe(row, "XXD".getBytes(StandardCharsets.UTF_8));
			}
			root.setRowCount(1000);
			return toStream(AnnotatedBatch.of(root));
		}
	}

	private static byte[] toStream(AnnotatedBatch batch) throws IOException {
		ByteArrayOutputStream stream = new ByteArrayOutputStream();
		try (GatheredStream gathered = IpcStreamWriter.gather(batch.schema(), List.of(batch))) {
			gathered.writeTo(Channels.newChannel(stream));
		}
		return stream.toByteArray();
	}

	private byte[] pointer(String location) throws IOException {
		try (AnnotatedBatch batch = AnnotatedBatch.empty(FlightStore.SCHEMA,
				BatchMetadata.of(MetadataKeys.LOCATION, location), this.allocator)) {
			return toStream(batch);
		}
	}

	/**
	 * Make a call.
	 * @param call which
	 * @param random decides between its variants
	 * @throws IOException if it fails
	 * @throws InterruptedException if the thread is interrupted
	 * @throws StatusException if the answer has a status that it must not have
	 */
	void make(SoakCall call, Random random) throws IOException, InterruptedException {
		byte[] noise = new byte[100_000];
		random.nextBytes(noise);
		switch (call) {
			case READ_PLAIN -> readPlain("/flights/LAX/LAS");
			case READ_ALL_PLAIN -> readPlain("/flights");
			case UPLOAD -> expect(post("/flights", pointer(upload(this.flights)), ARROW), Set.of(200));
			case SLOW_WRITER -> writeSlowly();
			case SLOW_READER -> readSlowly();
			case DOWNLOAD_CANCELLED -> cancelDownload(random);
			case LEAVE_EARLY ->
				leave("GET /flights HTTP/1.1\r\nHost: x\r\nVGI-Accept-Pointers: " + random.nextBoolean() + "\r\n\r\n",
						new byte[0], random.nextInt(500));
			case UPLOAD_CANCELLED -> leave(
					"POST /flights HTTP/1.1\r\nHost: x\r\nContent-Type: " + ARROW + "\r\nContent-Length: "
							+ this.flights.length + "\r\n\r\n",
					Arrays.copyOf(this.flights, this.flights.length / 2), random.nextInt(20));
			case OBJECT_CANCELLED -> cancelObject();
			case BODY_TRUNCATED ->
				refused(Arrays.copyOf(this.strangers, 1 + random.nextInt(this.strangers.length - 200)));
			case BODY_NOISE -> refused(noise);
			case BODY_MUTATED -> mutated(random);
			case BODY_BOASTING -> refused(new byte[] { -1, -1, -1, -1, -16, -1, -1, 127, 16, 0, 0, 0 });
			case BODY_OVERSIZED -> oversized();
			case BODY_BOMB -> expect(post("/flights", this.bomb, ARROW, "Content-Encoding", "gzip"), REFUSED);
			case BODY_MISCODED ->
				expect(post("/flights", noise, ARROW, "Content-Encoding", random.nextBoolean() ? "zstd" : "gzip"),
						REFUSED);
			case METHOD_NOISE -> methodNoise(noise, random);
			case POINTER_REFUSED -> refused(pointer(FORBIDDEN.get(random.nextInt(FORBIDDEN.size()))));
			case POINTER_TO_NOTHING -> refused(pointer(vend().downloadUrl().toString()));
			case POINTER_TO_NOISE -> pointerToNoise(noise);
			case POINTER_TO_OTHERS -> pointerToOthers(BEHAVIOURS.get(random.nextInt(BEHAVIOURS.size())));
			default -> throw new IllegalStateException("Not plain HTTP: " + call);
		}
	}

	private void readPlain(String path) throws IOException, InterruptedException {
		var response = this.httpClient.send(request(path).build(), BodyHandlers.ofInputStream());
		try (InputStream body = response.body()) {
			expect(response.statusCode(), Set.of(200));
			if (body.transferTo(OutputStream.nullOutputStream()) < 100_000) {
				throw new IOException("Too few bytes");
			}
		}
	}

	private void cancelDownload(Random random) throws IOException, InterruptedException {
		HttpRequest.Builder request = request((random.nextInt(8) == 0) ? "/flights" : "/flights/LAX/LAS");
		if (random.nextBoolean()) {
			request.header("VGI-Accept-Pointers", "where-named");
		}
		var response = this.httpClient.send(request.build(), BodyHandlers.ofInputStream());
		try (InputStream body = response.body()) {
			expect(response.statusCode(), Set.of(200));
			body.readNBytes(10_000);
		}
	}

	// Everything inline. Whoever reads holds imports up, which wait for ten seconds
	private void readSlowly() throws IOException, InterruptedException {
		var response = this.httpClient.send(request("/flights").header("VGI-Accept-Pointers", "where-named").build(),
				BodyHandlers.ofInputStream());
		try (InputStream body = response.body()) {
			expect(response.statusCode(), Set.of(200));
			for (int drop = 0; drop < 12; drop++) {
				body.readNBytes(65_536);
				Thread.sleep(500);
			}
		}
	}

	private void writeSlowly() throws IOException, InterruptedException {
		try (Socket socket = new Socket(this.url.getHost(), this.url.getPort())) {
			socket.setSoTimeout(60_000);
			OutputStream out = socket.getOutputStream();
			out.write(("POST /flights HTTP/1.1\r\nHost: x\r\nContent-Type: " + ARROW + "\r\nContent-Length: "
					+ this.flights.length + "\r\nConnection: close\r\n\r\n")
				.getBytes(StandardCharsets.US_ASCII));
			int drops = 16;
			for (int drop = 0; drop < drops; drop++) {
				int from = (int) ((long) this.flights.length * drop / drops);
				int to = (int) ((long) this.flights.length * (drop + 1) / drops);
				out.write(this.flights, from, to - from);
				Thread.sleep(500);
			}
			String answer = new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
			expect((answer.length() == 12) ? Integer.parseInt(answer.substring(9)) : 0, Set.of(200));
		}
	}

	private void leave(String head, byte[] body, int milliseconds) throws IOException, InterruptedException {
		leave(this.url, head, body, milliseconds);
	}

	private static void leave(URI url, String head, byte[] body, int milliseconds)
			throws IOException, InterruptedException {
		try (Socket socket = new Socket(url.getHost(), url.getPort())) {
			socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
			socket.getOutputStream().write(body);
			Thread.sleep(milliseconds);
		}
	}

	private void cancelObject() throws IOException, InterruptedException {
		URI target = vend().uploadUrl();
		leave(target,
				"PUT " + target.getRawPath() + "?" + target.getRawQuery() + " HTTP/1.1\r\nHost: "
						+ target.getAuthority() + "\r\nContent-Length: " + this.flights.length + "\r\n\r\n",
				Arrays.copyOf(this.flights, this.flights.length / 2), 50);
	}

	private void mutated(Random random) throws IOException, InterruptedException {
		byte[] mutated = this.strangers.clone();
		for (int change = random.nextInt(20); change >= 0; change--) {
			// Most of what can go wrong is at the front
			int place = random.nextBoolean() ? random.nextInt(1500) : random.nextInt(mutated.length);
			mutated[place] = (byte) random.nextInt();
		}
		int status = post("/flights", mutated, ARROW);
		if (status != 200) {
			expect(status, REFUSED);
		}
	}

	private void oversized() throws IOException, InterruptedException {
		byte[] large = new byte[8_000_000];
		System.arraycopy(this.flights, 0, large, 0, this.flights.length - 8);
		try {
			expect(this.httpClient
				.send(request("/flights").header("Content-Type", ARROW)
					.POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(large)))
					.build(), BodyHandlers.discarding())
				.statusCode(), REFUSED);
		}
		catch (StatusException ex) {
			throw ex;
		}
		catch (IOException ex) {
			// The service ended the connection while the rest was sent: a refusal, too
		}
	}

	private void methodNoise(byte[] noise, Random random) throws IOException, InterruptedException {
		String method = random.nextBoolean() ? "summarize" : "import_stream/exchange";
		expect(post("/FlightService/" + method, random.nextBoolean() ? noise : this.strangers, ARROW), REFUSED);
	}

	private void pointerToNoise(byte[] noise) throws IOException, InterruptedException {
		refused(pointer(upload(noise)));
	}

	private void pointerToOthers(String behaviour) throws IOException, InterruptedException {
		// Elsewhere, since the service is slow to trust an address again that was busy
		String host = Set.of("BUSY", "BROKEN", "SILENT").contains(behaviour) ? "127.0.0.2" : "127.0.0.1";
		byte[] pointer = this.httpClient
			.send(HttpRequest
				.newBuilder(URI.create("http://" + host + ":" + this.storage.getPort() + "/pointers/" + behaviour))
				.build(), BodyHandlers.ofByteArray())
			.body();
		int status = post("/flights", pointer, ARROW);
		boolean sound = Set.of("FINE", "STALLING", "SLOW", "CORRUPT").contains(behaviour);
		if (!sound || status != 200) {
			try {
				expect(status, REFUSED);
			}
			catch (StatusException ex) {
				throw new StatusException(status, behaviour);
			}
		}
	}

	private UploadUrl vend() {
		return this.vgiClient.requestUploadUrls(1).get(0);
	}

	private String upload(byte[] object) throws IOException, InterruptedException {
		UploadUrl pair = vend();
		expect(this.httpClient
			.send(HttpRequest.newBuilder(pair.uploadUrl())
				.timeout(Duration.ofSeconds(60))
				.PUT(BodyPublishers.ofByteArray(object))
				.build(), BodyHandlers.discarding())
			.statusCode(), Set.of(200));
		return pair.downloadUrl().toString();
	}

	private void refused(byte[] body) throws IOException, InterruptedException {
		expect(post("/flights", body, ARROW), REFUSED);
	}

	private int post(String path, byte[] body, String contentType, String... headers)
			throws IOException, InterruptedException {
		HttpRequest.Builder request = request(path).header("Content-Type", contentType);
		for (int header = 0; header < headers.length; header += 2) {
			request.header(headers[header], headers[header + 1]);
		}
		return this.httpClient.send(request.POST(BodyPublishers.ofByteArray(body)).build(), BodyHandlers.discarding())
			.statusCode();
	}

	private HttpRequest.Builder request(String path) {
		return HttpRequest.newBuilder(this.url.resolve(path)).timeout(Duration.ofSeconds(60));
	}

	private static void expect(int status, Set<Integer> expected) throws StatusException {
		if (!expected.contains(status)) {
			throw new StatusException(status, "");
		}
	}

	/**
	 * The service, or the storage, answered otherwise than it should.
	 */
	static final class StatusException extends IOException {

		private final int status;

		StatusException(int status, String what) {
			super("Answered with " + status + (what.isEmpty() ? "" : ", " + what));
			this.status = status;
		}

		int status() {
			return this.status;
		}

	}

}
