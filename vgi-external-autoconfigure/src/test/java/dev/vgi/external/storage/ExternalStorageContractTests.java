package dev.vgi.external.storage;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.ToIntBiFunction;

import com.github.luben.zstd.ZstdInputStream;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.time.Uninterruptibles;
import dev.vgi.external.transfer.TransferTrace;
import dev.vgi.external.upload.StreamedPayload;
import dev.vgi.external.upload.StreamedUpload;
import org.apache.arrow.vector.types.pojo.Schema;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.opentest4j.TestAbortedException;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * What every storage backend has to do. A subclass says how its backend is started; URLs
 * are used by an HTTP client that knows nothing of the backend, as a peer would. Needs
 * nothing but JUnit and AssertJ: backends of others are tested with it too, from this
 * module's test jar.
 */
public abstract class ExternalStorageContractTests {

	/** The hint that says nothing. */
	protected static final Schema NO_FIELDS = new Schema(List.of());

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private final SlabPool slabs = new SlabPool(0, Duration.ofHours(1));

	private final TransferBudget budget = new TransferBudget(256 << 20, 0);

	private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	/**
	 * Return the backend under test, the same one during a test.
	 * @return a working backend
	 */
	protected abstract ExternalStorage storage();

	/**
	 * Return the vending side of {@link #storage()}.
	 * @return the provider
	 */
	protected abstract UploadUrlProvider uploadUrls();

	/**
	 * Return a working backend whose URLs go through another path, such as below another
	 * key prefix, of the same server.
	 * @param prefix the prefix, without a slash at either end
	 * @return the backend
	 */
	protected abstract ExternalStorage withPrefix(String prefix);

	/**
	 * Return whether a vended URL takes one upload and refuses all later ones with 409.
	 * @return {@code false} unless the storage is more than a bucket
	 */
	protected boolean takesOneUpload() {
		return false;
	}

	/**
	 * Return a size that the backend stores in several pieces, or a large one if it knows
	 * no pieces.
	 * @return the size in bytes
	 */
	protected abstract int multipartSize();

	/**
	 * Return the size of these pieces.
	 * @return half of the other one unless overridden
	 */
	protected int partSize() {
		return multipartSize() / 2;
	}

	/**
	 * Let a URL expire.
	 * @param url a download URL of the backend
	 * @return a URL of the same object, rightly signed but expired
	 */
	protected abstract URI expired(URI url);

	/**
	 * Sign with the wrong credentials.
	 * @param url a download URL of the backend
	 * @return a URL of the same object, signed by someone else
	 */
	protected abstract URI forged(URI url);

	/**
	 * Return backends that cannot work.
	 * @return the backend by a text that its errors contain, such as the key to change
	 */
	protected abstract Map<String, ExternalStorage> broken();

	/**
	 * Return what a stranger could send that looks like a URL of the backend.
	 * @param url a download URL of the backend
	 * @return URLs that the backend could not have vended
	 */
	protected abstract List<URI> foreign(URI url);

	/**
	 * Return everything the backend holds.
	 * @return names of objects, and of uploads that have not been finished
	 */
	protected abstract List<String> contents();

	/**
	 * Return a backend, with the credentials of {@link #storage()}, whose objects are on
	 * another server: one that answers as a test says.
	 * @param server where it is, without a path
	 * @return the backend, or {@code null} if uploads do not go over HTTP
	 */
	protected @Nullable ExternalStorage servedBy(URI server) {
		return null;
	}

	/**
	 * Return a backend with the contents of {@link #storage()} that has to ask for the
	 * credentials it signs with.
	 * @param asking runs whenever they are asked for; may block until its thread is
	 * interrupted, and may throw
	 * @param timeout of an upload
	 * @return the backend, or {@code null} if it asks nobody
	 */
	protected @Nullable ExternalStorage withCredentials(Runnable asking, Duration timeout) {
		return null;
	}

	/**
	 * Return whether a backend of {@link #servedBy} passes its pauses between attempts at
	 * once, so that a storage that is busy for long can be tested with it. It then has a
	 * deadline of half a minute or more, and allows for one further attempt.
	 * @return {@code false} unless its clock is another one
	 */
	protected boolean passesPauses() {
		return false;
	}

	/**
	 * Return whether the server of the backend lets the backend delete its objects, as
	 * every bucket does.
	 * @return {@code false} if an object whose URL cannot be signed has to stay
	 */
	protected boolean takesDeletions() {
		return true;
	}

	/**
	 * Return whether the backend signs its objects again.
	 * @return {@code false} for one that leaves the default methods alone
	 */
	protected boolean signsAgain() {
		return true;
	}

	@ParameterizedTest
	@ValueSource(ints = { 1, 8, 1000, 1_000_000 })
	void uploadedObjectIsDownloadedByUrl(int size) throws Exception {
		BytesPayload payload = BytesPayload.random(size, 1);
		URI url = storage().upload(payload, NO_FIELDS, null);
		HttpResponse<byte[]> response = get(url);
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.body()).isEqualTo(payload.bytes());
		assertThat(response.headers().firstValueAsLong("content-length")).hasValue(size);
		assertThat(response.headers().firstValue("content-encoding")).isEmpty();
	}

	@Test
	void objectOfSeveralPartsIsDownloadedByUrl() throws Exception {
		BytesPayload payload = BytesPayload.random(multipartSize(), 2);
		HttpResponse<byte[]> response = get(storage().upload(payload, NO_FIELDS, "zstd"));
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("content-encoding")).hasValue("zstd");
		assertThat(response.body()).isEqualTo(payload.bytes());
		assertThat(payload.openParts()).isZero();
	}

	@ParameterizedTest
	@CsvSource({ "0, 1", "1, 0", "1, 1", "3, 0", "3, 1" })
	void streamOfUnknownLengthIsDownloadedByUrl(int parts, int more) throws Exception {
		BytesPayload expected = BytesPayload.random(parts * partSize() + more, 31);
		try (StreamedPayload stream = stream(null)) {
			HttpResponse<byte[]> response = get(
					StreamedUpload.run(stream, this::upload, StreamedUpload.of(expected.bytes())));
			assertThat(response.statusCode()).isEqualTo(200);
			assertThat(response.headers().firstValueAsLong("content-length")).hasValue(expected.bytes().length);
			assertThat(response.headers().firstValue("content-encoding")).isEmpty();
			assertThat(response.body()).isEqualTo(expected.bytes());
		}
		try (StreamedPayload stream = stream(new Compression(1, 0))) {
			HttpResponse<byte[]> response = get(
					StreamedUpload.run(stream, this::upload, StreamedUpload.of(expected.bytes())));
			assertThat(response.headers().firstValue("content-encoding")).hasValue("zstd");
			assertThat(new ZstdInputStream(new ByteArrayInputStream(response.body())).readAllBytes())
				.isEqualTo(expected.bytes());
		}
		assertThat(contents()).hasSize(2);
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.budget.inUse()).isZero();
	}

	@ParameterizedTest
	@ValueSource(ints = { 0, 1, 2, 3 })
	void streamWhoseProducerFailsLeavesNothing(int parts) {
		for (int more : new int[] { 0, 1 }) {
			byte[] written = new byte[parts * partSize() + more];
			try (StreamedPayload stream = stream(null)) {
				assertThatIllegalStateException()
					.isThrownBy(() -> StreamedUpload.run(stream, this::upload, (channel) -> {
						channel.write(ByteBuffer.wrap(written));
						throw new IllegalStateException("planted failure of the reader");
					}))
					.withMessage("planted failure of the reader");
			}
		}
		assertThat(contents()).isEmpty();
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.budget.inUse()).isZero();
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void streamThatIsInterruptedLeavesNothing(boolean producing) {
		for (int parts : new int[] { 0, 1, 3 }) {
			byte[] written = new byte[parts * partSize() + 1];
			AtomicReference<Thread> interrupted = new AtomicReference<>(Thread.currentThread());
			try (StreamedPayload stream = stream(null)) {
				assertThatExceptionOfType(VgiExternalException.class)
					.isThrownBy(() -> StreamedUpload.run(stream, (payload) -> {
						if (!producing) {
							interrupted.set(Thread.currentThread());
						}
						return upload(payload);
					}, (channel) -> {
						channel.write(ByteBuffer.wrap(written));
						interrupted.get().interrupt();
						while (true) {
							channel.write(ByteBuffer.allocate(1000));
						}
					}))
					.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.CANCELLED))
					.satisfies(ExternalStorageContractTests::namesNoSecret);
			}
			assertThat(Thread.interrupted()).isEqualTo(producing);
		}
		assertThat(contents()).isEmpty();
		assertThat(this.slabs.leasedSlabs()).isZero();
		assertThat(this.budget.inUse()).isZero();
	}

	private StreamedPayload stream(@Nullable Compression compression) {
		if (!storage().takesUnknownLength()) {
			throw new TestAbortedException("The length has to be known");
		}
		return new StreamedPayload(compression, this.slabs, this.budget, Duration.ofSeconds(30), TransferTrace.none());
	}

	private URI upload(StreamedPayload stream) {
		return storage().upload(stream, NO_FIELDS, stream.contentCoding());
	}

	@ParameterizedTest
	@ValueSource(strings = { "zstd", "gzip" })
	void contentCodingIsKept(String coding) throws Exception {
		BytesPayload payload = BytesPayload.random(1000, 3);
		HttpResponse<byte[]> response = get(storage().upload(payload, NO_FIELDS, coding));
		assertThat(response.headers().firstValue("content-encoding")).hasValue(coding);
		assertThat(response.body()).isEqualTo(payload.bytes());
	}

	@Test
	void rangesAreServed() throws Exception {
		URI url = storage().upload(BytesPayload.of("0123456789".getBytes()), NO_FIELDS, null);
		HttpResponse<byte[]> middle = get(url, "Range", "bytes=2-4");
		assertThat(middle.statusCode()).isEqualTo(206);
		assertThat(middle.body()).asString().isEqualTo("234");
		assertThat(middle.headers().firstValue("content-range")).hasValue("bytes 2-4/10");
		HttpResponse<byte[]> end = get(url, "Range", "bytes=8-100");
		assertThat(end.body()).asString().isEqualTo("89");
		assertThat(end.headers().firstValue("content-range")).hasValue("bytes 8-9/10");
		assertThat(get(url, "Range", "bytes=10-12").statusCode()).isEqualTo(416);
	}

	@Test
	void entityTagTiesRangesToOneObject() throws Exception {
		URI url = storage().upload(BytesPayload.of("0123456789".getBytes()), NO_FIELDS, null);
		String tag = get(url).headers().firstValue("etag").orElseThrow();
		assertThat(tag).startsWith("\"");
		assertThat(get(url, "Range", "bytes=0-1", "If-Match", tag).statusCode()).isEqualTo(206);
		assertThat(get(url, "Range", "bytes=0-1", "If-Match", "\"other\"").statusCode()).isEqualTo(412);
	}

	@Test
	void vendedUrlsAreBoundToTheirMethods() throws Exception {
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		byte[] bytes = BytesPayload.random(5000, 4).bytes();
		assertThat(get(pair.uploadUrl()).statusCode()).isEqualTo(403);
		assertThat(put(pair.downloadUrl(), bytes).statusCode()).isEqualTo(403);
		assertThat(get(pair.downloadUrl()).statusCode()).isEqualTo(404);
		assertThat(put(pair.uploadUrl(), bytes).statusCode()).isBetween(200, 299);
		assertThat(get(pair.downloadUrl()).body()).isEqualTo(bytes);
		assertThat(get(pair.uploadUrl()).statusCode()).isEqualTo(403);
	}

	/**
	 * A server that takes headers which are not signed would read the other object with
	 * the service's credentials.
	 */
	@ParameterizedTest
	@ValueSource(strings = { "x-amz-copy-source", "x-goog-copy-source" })
	void vendedUploadCopiesNoOtherObject(String header) throws Exception {
		BytesPayload payload = BytesPayload.random(5000, 6);
		URI other = storage().upload(payload, NO_FIELDS, null);
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		send(HttpRequest.newBuilder(pair.uploadUrl()).header(header, other.getRawPath()).PUT(BodyPublishers.noBody()));
		assertThat(get(pair.downloadUrl()).body()).isNotEqualTo(payload.bytes());
	}

	@Test
	void vendedUploadNeedsNoContentType() throws Exception {
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		HttpResponse<byte[]> response = send(
				HttpRequest.newBuilder(pair.uploadUrl()).PUT(BodyPublishers.ofByteArray(new byte[10])));
		assertThat(response.statusCode()).isBetween(200, 299);
		assertThat(get(pair.downloadUrl()).body()).isEqualTo(new byte[10]);
	}

	@Test
	void uploadOfAnUploadUrlIsRepeatedOrRefused() throws Exception {
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		byte[] bytes = BytesPayload.random(5000, 5).bytes();
		assertThat(put(pair.uploadUrl(), bytes).statusCode()).isBetween(200, 299);
		if (takesOneUpload()) {
			assertThat(put(pair.uploadUrl(), bytes).statusCode()).isEqualTo(409);
			assertThat(put(pair.uploadUrl(), new byte[3]).statusCode()).isEqualTo(409);
		}
		else {
			assertThat(put(pair.uploadUrl(), bytes).statusCode()).isBetween(200, 299);
		}
		assertThat(get(pair.downloadUrl()).body()).isEqualTo(bytes);
	}

	@Test
	void everyPairIsForANewObject() {
		Set<URI> urls = new HashSet<>();
		for (int i = 0; i < 10; i++) {
			UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
			urls.add(pair.uploadUrl());
			urls.add(pair.downloadUrl());
			assertThat(pair.expiresAt()).isAfter(Instant.EPOCH);
		}
		assertThat(urls).hasSize(20);
	}

	@Test
	void tamperedUrlsAreRefused() throws Exception {
		URI url = storage().upload(BytesPayload.random(100, 6), NO_FIELDS, null);
		URI other = storage().upload(BytesPayload.random(100, 7), NO_FIELDS, null);
		URI swapped = URI.create(url.toString().replace(url.getRawPath(), other.getRawPath()));
		assertThat(get(swapped).statusCode()).isEqualTo(403);
		String query = url.getRawQuery();
		assertThat(get(URI.create(url.toString().replace("?" + query, ""))).statusCode()).isEqualTo(403);
		int signature = url.toString().toLowerCase().lastIndexOf("signature=") + "signature=".length();
		char first = url.toString().charAt(signature);
		URI tampered = URI.create(url.toString().substring(0, signature) + ((first == 'a') ? 'b' : 'a')
				+ url.toString().substring(signature + 1));
		assertThat(get(tampered).statusCode()).isEqualTo(403);
	}

	@Test
	void expiredUrlsAreRefused() throws Exception {
		URI url = storage().upload(BytesPayload.random(100, 8), NO_FIELDS, null);
		assertThat(get(url).statusCode()).isEqualTo(200);
		assertThat(get(expired(url)).statusCode()).isEqualTo(403);
	}

	@Test
	void objectIsSignedAgain() throws Exception {
		BytesPayload payload = BytesPayload.random(1000, 27);
		URI url = storage().upload(payload, NO_FIELDS, "zstd");
		String key = keyOf(url);
		String tag = get(url).headers().firstValue("ETag").orElseThrow();
		URI renewed = storage().signAgain(key);
		assertThat(storage().isOwn(renewed)).isTrue();
		assertThat(storage().renewableKey(renewed)).isEqualTo(key);
		assertThat(storage().expiresAt(renewed)).isAfterOrEqualTo(storage().expiresAt(url));
		HttpResponse<byte[]> response = get(renewed);
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.body()).isEqualTo(payload.bytes());
		assertThat(response.headers().firstValue("Content-Encoding")).hasValue("zstd");
		assertThat(response.headers().firstValue("ETag")).hasValue(tag);
		assertThat(contents()).hasSize(1);
	}

	@Test
	void objectOfAnExpiredUrlIsSignedAgain() throws Exception {
		URI url = storage().upload(BytesPayload.random(100, 31), NO_FIELDS, null);
		String key = keyOf(url);
		URI old = expired(url);
		assertThat(storage().renewableKey(old)).isEqualTo(key);
		URI renewed = storage().signAgain(key);
		assertThat(storage().expiresAt(renewed)).isAfter(storage().expiresAt(old));
		assertThat(get(old).statusCode()).isEqualTo(403);
		assertThat(get(renewed).statusCode()).isEqualTo(200);
	}

	@Test
	void uploadOfAPeerIsSignedAgain() throws Exception {
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		String key = keyOf(pair.downloadUrl());
		byte[] bytes = BytesPayload.random(1000, 28).bytes();
		assertThat(put(pair.uploadUrl(), bytes).statusCode()).isBetween(200, 204);
		assertThat(get(storage().signAgain(key)).body()).isEqualTo(bytes);
	}

	@Test
	void objectThatIsGoneIsNotSignedAgain() {
		String key = keyOf(uploadUrls().generateUploadUrl(NO_FIELDS).downloadUrl());
		assertGone(storage(), key);
		assertThat(contents()).isEmpty();
	}

	@Test
	void onlyOwnKeysAreSignedAgain() {
		URI url = storage().upload(BytesPayload.random(100, 29), NO_FIELDS, null);
		String key = keyOf(url);
		assertThat(foreign(url)).allSatisfy((other) -> assertThat(storage().renewableKey(other)).isNull());
		String name = key.substring(key.lastIndexOf('/') + 1);
		for (String other : List.of("", "/" + key, "x/" + key, "../" + name, key + "?", key + "/..", key + "/" + name,
				key.replace(".arrow", ""), "other/" + name, key.replace(name, "elsewhere/" + name))) {
			assertGone(storage(), other);
		}
		// A folder has no prefix, and the other one has other objects.
		assertGone(withPrefix("other"), key);
	}

	@ParameterizedTest
	@ValueSource(strings = { "données/日本", "a b+c", "100%", "q?u=e&r#y" })
	void oddPrefixesAreSignedAgain(String prefix) throws Exception {
		ExternalStorage storage = withPrefix(prefix);
		BytesPayload payload = BytesPayload.random(100, 30);
		String key = keyOf(storage, storage.upload(payload, NO_FIELDS, null));
		assertThat(get(storage.signAgain(key)).body()).isEqualTo(payload.bytes());
	}

	@Test
	void temporaryFailureOfSigningAgainIsTriedAgain() throws Exception {
		String key = keyOf(uploadUrls().generateUploadUrl(NO_FIELDS).downloadUrl());
		AtomicInteger looks = new AtomicInteger();
		try (ScriptedServer server = new ScriptedServer((request, puts) -> (looks.incrementAndGet() == 1) ? 503 : 206,
				true)) {
			ExternalStorage storage = servedBy(server);
			assertThat(storage.renewableKey(storage.signAgain(key))).isEqualTo(key);
			assertThat(server.requests()).containsExactly("GET", "GET");
		}
	}

	@Test
	void brokenStorageSignsNothingAgain() {
		String key = keyOf(uploadUrls().generateUploadUrl(NO_FIELDS).downloadUrl());
		broken().forEach((text, storage) -> assertThatExceptionOfType(VgiExternalException.class).as(text)
			.isThrownBy(() -> storage.signAgain(key))
			.satisfies(ExternalStorageContractTests::namesNoSecret)
			.satisfies((ex) -> assertThat(ex.kind()).isNotEqualTo(Kind.OBJECT_GONE))
			.withMessageContaining(text));
	}

	private String keyOf(URI url) {
		return keyOf(storage(), url);
	}

	private String keyOf(ExternalStorage storage, URI url) {
		String key = storage.renewableKey(url);
		assertThat(storage.signsAgain()).isEqualTo(signsAgain());
		assertThat(key != null).isEqualTo(signsAgain());
		if (key == null) {
			throw new TestAbortedException("The backend does not sign its objects again");
		}
		assertThat(key.length()).isBetween(1, 1024);
		return key;
	}

	private static void assertGone(ExternalStorage storage, String key) {
		assertThatExceptionOfType(ObjectGoneException.class).as(key)
			.isThrownBy(() -> storage.signAgain(key))
			.satisfies(ExternalStorageContractTests::namesNoSecret)
			.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.OBJECT_GONE));
	}

	@Test
	void tellsWhenItsUrlsEnd() {
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		assertThat(storage().expiresAt(pair.downloadUrl())).isNotNull()
			.isBetween(pair.expiresAt().minusSeconds(1), pair.expiresAt().plusSeconds(1));
		URI url = storage().upload(BytesPayload.random(100, 15), NO_FIELDS, null);
		assertThat(storage().expiresAt(url)).isAfter(Instant.EPOCH);
	}

	@Test
	void urlsOfOthersCredentialsAreRefused() throws Exception {
		URI url = storage().upload(BytesPayload.random(100, 9), NO_FIELDS, null);
		assertThat(get(forged(url)).statusCode()).isEqualTo(403);
	}

	@ParameterizedTest
	@ValueSource(strings = { "a", "deep/er/still", "données/日本", "a b+c", "100%", "q?u=e&r#y", "..dots.." })
	void unicodeAndOddPrefixesWork(String prefix) throws Exception {
		ExternalStorage storage = withPrefix(prefix);
		BytesPayload payload = BytesPayload.random(100, 10);
		URI url = storage.upload(payload, NO_FIELDS, null);
		assertThat(url.toString()).isASCII();
		assertThat(get(url).body()).isEqualTo(payload.bytes());
		assertThat(storage.isOwn(url)).isTrue();
	}

	@Test
	void recognisesItsOwnUrlsAndNoOneElses() {
		ExternalStorage storage = storage();
		URI url = storage.upload(BytesPayload.random(100, 11), NO_FIELDS, "zstd");
		assertThat(storage.isOwn(url)).isTrue();
		assertThat(storage.isOwn(uploadUrls().generateUploadUrl(NO_FIELDS).downloadUrl())).isTrue();
		List<URI> foreign = new ArrayList<>(foreign(url));
		String text = url.toString();
		foreign.add(URI.create(text.replace("?" + url.getRawQuery(), "")));
		foreign.add(URI.create(text.replaceFirst("^https?:", "ftp:")));
		foreign.add(URI.create(text.replace("://", "://user:password@")));
		foreign.add(URI.create(text.replace("?", "/../../x?")));
		foreign.add(URI.create(text.replace("?", "%2F..%2F..%2Fx?")));
		foreign.add(URI.create(text.replaceFirst("[0-9a-f]{32}\\.arrow", "x.arrow")));
		// Names of objects may have another form.
		foreign.removeIf(url::equals);
		foreign.add(URI.create("mailto:someone"));
		foreign.add(URI.create("relative/path"));
		foreign.add(URI.create("http://127.0.0.1:8080/actuator/heapdump"));
		assertThat(foreign).allSatisfy((other) -> assertThat(storage.isOwn(other)).isFalse());
	}

	@Test
	void objectIsForItsOwnerOnly() throws Exception {
		assumeOwners();
		ExternalStorage storage = storage();
		ObjectOwner owner = new Owner("1f");
		BytesPayload payload = BytesPayload.random(1000, 40);
		URI url = storage.upload(payload, NO_FIELDS, "zstd", owner);
		assertThat(get(url).body()).isEqualTo(payload.bytes());
		isFor(url, owner);
		assertThat(url.getPath()).contains(owner.mark(""));
		if (signsAgain()) {
			assertThat(keyOf(url)).contains(owner.mark(""));
			isFor(storage.signAgain(keyOf(url)), owner);
		}
		try (StoredObject object = storage.open(url)) {
			assertThat(object == null || object.length() == 1000).isTrue();
		}
	}

	@Test
	void expiredUrlIsForItsOwnerOnly() throws Exception {
		assumeOwners();
		ObjectOwner owner = new Owner("8b");
		isFor(expired(storage().upload(BytesPayload.random(100, 45), NO_FIELDS, null, owner)), owner);
	}

	@Test
	void vendedPairIsForItsOwnerOnly() throws Exception {
		assumeOwners();
		assertThat(uploadUrls().bindsUploads()).isTrue();
		ObjectOwner owner = new Owner("2e");
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS, owner);
		isFor(pair.downloadUrl(), owner);
		byte[] bytes = BytesPayload.random(1000, 41).bytes();
		assertThat(put(pair.uploadUrl(), bytes).statusCode()).isBetween(200, 299);
		assertThat(get(pair.downloadUrl()).body()).isEqualTo(bytes);
	}

	@Test
	void markOfAnOwnerIsSigned() throws Exception {
		assumeOwners();
		ObjectOwner owner = new Owner("9c");
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS, owner);
		assertThat(put(pair.uploadUrl(), new byte[10]).statusCode()).isBetween(200, 299);
		URI marked = URI.create(pair.downloadUrl().toString().replace(owner.mark(""), new Owner("3d").mark("")));
		assertThat(get(marked).statusCode()).isEqualTo(403);
		URI unmarked = URI.create(pair.downloadUrl().toString().replace(owner.mark(""), ""));
		assertThat(get(unmarked).statusCode()).isEqualTo(403);
	}

	@Test
	void objectWithoutAnOwnerIsForNobody() {
		assumeOwners();
		for (URI url : List.of(storage().upload(BytesPayload.random(100, 42), NO_FIELDS, null),
				storage().upload(BytesPayload.random(100, 43), NO_FIELDS, null, ObjectOwner.nobody()),
				uploadUrls().generateUploadUrl(NO_FIELDS).downloadUrl(),
				uploadUrls().generateUploadUrl(NO_FIELDS, ObjectOwner.nobody()).downloadUrl())) {
			assertThat(storage().isOwn(url)).isTrue();
			assertThat(storage().admits(url, ObjectOwner.nobody())).isFalse();
			assertThat(storage().admits(url, new Owner("4c"))).isFalse();
		}
	}

	@Test
	void whatIsNotItsOwnIsAdmittedForEveryone() {
		assumeOwners();
		for (String other : List.of("https://elsewhere.example/data.arrow?Signature=abc", "mailto:someone",
				"relative/path", "http://127.0.0.1:1/")) {
			assertThat(storage().admits(URI.create(other), new Owner("5b"))).isTrue();
			assertThat(storage().admits(URI.create(other), ObjectOwner.nobody())).isTrue();
		}
	}

	@Test
	void noSpellingOfAUrlIsForOthers() throws Exception {
		assumeOwners();
		ObjectOwner owner = new Owner("6a");
		ObjectOwner stranger = new Owner("7a");
		String text = storage().upload(BytesPayload.random(100, 44), NO_FIELDS, null, owner).toString();
		int key = text.indexOf(owner.mark("")) - 32;
		String before = text.substring(0, key);
		String after = text.substring(key);
		String encoded = "%" + Integer.toHexString(after.charAt(0)) + after.substring(1);
		for (String spelled : List.of(before + encoded, before.replaceFirst("(?<!/)/(?!/)", "/./") + after,
				before + "/" + after, before + "./" + after, before + "x/../" + after, text.replace("?", ";x=y?"),
				text.replace("?", "%3Bx?"), text.replace(".arrow", "%2Earrow"), text.replace(".arrow?", "?"),
				text.replace("?", "/?"), text + "&x=y", text.replace("?", "?x=y&"), text + "#x",
				text.replaceFirst("ature=", "atur%65="), text.replace("?", "??"), text.replaceFirst("://[^:/]+", "$0."),
				before + after.substring(0, 32).toUpperCase(Locale.ROOT) + after.substring(32),
				text.replace("://", "://user@"))) {
			URI url = URI.create(spelled);
			assertThat(storage().isOwn(url) && storage().admits(url, stranger)).as(spelled).isFalse();
			if (storage().admits(url, stranger)) {
				assertThat(status(url)).as(spelled).isNotEqualTo(200);
			}
		}
	}

	private int status(URI url) throws InterruptedException {
		try {
			return get(url).statusCode();
		}
		catch (IOException | IllegalArgumentException ex) {
			return -1;
		}
	}

	private void isFor(URI url, ObjectOwner owner) {
		assertThat(storage().isOwn(url)).isTrue();
		assertThat(storage().admits(url, owner)).isTrue();
		assertThat(storage().admits(url, new Owner("00"))).isFalse();
		assertThat(storage().admits(url, ObjectOwner.nobody())).isFalse();
		URI unsigned = URI.create(url.toString().replace("?" + url.getRawQuery(), ""));
		assertThat(storage().isOwn(unsigned)).isFalse();
	}

	private void assumeOwners() {
		if (!storage().bindsKeys()) {
			throw new TestAbortedException("Objects have no owners");
		}
	}

	@Test
	void opensItsObjectsIfItCan() throws Exception {
		BytesPayload payload = BytesPayload.random(10_000, 12);
		URI url = storage().upload(payload, NO_FIELDS, "zstd");
		try (StoredObject object = storage().open(url)) {
			if (object != null) {
				assertThat(object.length()).isEqualTo(10_000);
				assertThat(object.contentCoding()).isEqualTo("zstd");
				assertThat(object.entityTag()).startsWith("\"").endsWith("\"");
				ByteBuffer bytes = ByteBuffer.allocate(10_001);
				while (object.channel().read(bytes) >= 0) {
					assertThat(bytes.hasRemaining()).isTrue();
				}
				assertThat(bytes.flip()).isEqualTo(ByteBuffer.wrap(payload.bytes()));
			}
		}
	}

	@Test
	void failedUploadLeavesNothing() {
		BytesPayload small = BytesPayload.random(1000, 13).failingAt(500);
		BytesPayload large = BytesPayload.random(multipartSize(), 14).failingAt(multipartSize() - 10);
		assertThatExceptionOfType(VgiExternalException.class)
			.isThrownBy(() -> storage().upload(small, NO_FIELDS, null));
		assertThatExceptionOfType(VgiExternalException.class)
			.isThrownBy(() -> storage().upload(large, NO_FIELDS, null));
		assertThat(contents()).isEmpty();
	}

	@Test
	void interruptedUploadIsCancelledAndLeavesNothing() {
		for (int size : new int[] { 1000, multipartSize() }) {
			for (int position : new int[] { 0, size / 2, size - 1 }) {
				BytesPayload payload = BytesPayload.random(size, 16).interruptingAt(position);
				assertThatExceptionOfType(VgiExternalException.class).as(size + " at " + position)
					.isThrownBy(() -> storage().upload(payload, NO_FIELDS, null))
					.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.CANCELLED))
					.satisfies(ExternalStorageContractTests::namesNoSecret);
				assertThat(Thread.interrupted()).isTrue();
				assertThat(payload.openParts()).isZero();
			}
			Thread.currentThread().interrupt();
			assertThatExceptionOfType(VgiExternalException.class).as(size + " from the start")
				.isThrownBy(() -> storage().upload(BytesPayload.random(size, 16), NO_FIELDS, null))
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.CANCELLED));
			assertThat(Thread.interrupted()).isTrue();
		}
		// What was cut off behind the last byte may be stored for a moment.
		if (takesDeletions()) {
			await(() -> contents().isEmpty());
		}
		else {
			assertThat(contents()).hasSizeLessThanOrEqualTo(2);
		}
	}

	@Test
	@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void whatAnOutageHasLeftIsRemovedWhenTheStorageIsBack() throws Exception {
		URI server = uploadUrls().generateUploadUrl(NO_FIELDS).uploadUrl();
		try (Outage outage = new Outage(server)) {
			ExternalStorage storage = servedBy(outage.url());
			if (storage == null || !takesDeletions()) {
				throw new TestAbortedException("Uploads do not go over HTTP, or nothing can be deleted");
			}
			Leftovers leftovers = storage.leftovers();
			assertThat(leftovers).isNotNull();
			for (int position : new int[] { 1, multipartSize() / 2, multipartSize() - 1 }) {
				BytesPayload payload = BytesPayload.random(multipartSize(), 41).withEvent(position, outage::begin);
				assertThatExceptionOfType(VgiExternalException.class).as("at " + position)
					.isThrownBy(() -> storage.upload(payload, NO_FIELDS, null))
					.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE))
					.satisfies(ExternalStorageContractTests::namesNoSecret);
				assertThat(leftovers.waiting()).isPositive();
				outage.end();
			}
			BytesPayload next = BytesPayload.random(multipartSize(), 42);
			URI url = storage.upload(next, NO_FIELDS, null);
			await(() -> contents().size() == 1);
			assertThat(get(url).body()).isEqualTo(next.bytes());
			assertThat(leftovers.dropped()).isZero();
			leftovers.close();
			assertThat(leftovers.waiting()).isZero();
			assertThat(get(url).body()).isEqualTo(next.bytes());
		}
	}

	@Test
	@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	void objectThatWasNotConfirmedIsDeletedLater() throws Exception {
		try (ScriptedServer server = new ScriptedServer(
				(request, puts) -> request.getRequestMethod().equals("GET") ? 404 : 200, false)) {
			ExternalStorage storage = servedBy(server);
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(1000, 43), NO_FIELDS, null));
			assertThat(server.requests()).doesNotContain("DELETE");
			await(() -> server.requests().contains("DELETE"));
		}
	}

	@Test
	void refusedUploadLeavesNothingToDelete() throws Exception {
		try (ScriptedServer server = new ScriptedServer((request, puts) -> 403, true)) {
			ExternalStorage storage = servedBy(server);
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(1000, 43), NO_FIELDS, null));
			assertThat(storage.leftovers()).isNotNull();
			assertThat(storage.leftovers().waiting()).isZero();
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 408, 429, 500, 503 })
	void temporaryFailureIsTriedAgain(int status) throws Exception {
		try (ScriptedServer server = new ScriptedServer(
				(request, puts) -> request.getRequestMethod().equals("PUT") ? ((puts == 1) ? status : 200) : 404,
				true)) {
			ExternalStorage storage = servedBy(server);
			storage.upload(BytesPayload.random(1000, 17), NO_FIELDS, null);
			assertThat(server.requests()).containsExactly("PUT", "PUT");
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 500, 502, 504 })
	void failureThatLastsHasItsAttempts(int status) throws Exception {
		assumePauses();
		try (ScriptedServer server = new ScriptedServer((request, puts) -> status, true)) {
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> servedBy(server).upload(BytesPayload.random(1000, 17), NO_FIELDS, null))
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE))
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining("2 attempts")
				.withMessageContaining(Integer.toString(status));
			assertThat(server.requests()).containsExactly("PUT", "PUT");
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 408, 429, 503 })
	void busyStorageIsWaitedFor(int status) throws Exception {
		assumePauses();
		try (ScriptedServer server = new ScriptedServer((request, puts) -> (puts <= 7) ? status : 200, true)) {
			servedBy(server).upload(BytesPayload.random(1000, 17), NO_FIELDS, null);
			assertThat(server.requests()).hasSize(8).containsOnly("PUT");
		}
	}

	@ParameterizedTest
	@ValueSource(ints = { 408, 429, 503 })
	void storageThatStaysBusyIsGivenUpWithTheDeadline(int status) throws Exception {
		assumePauses();
		try (ScriptedServer server = new ScriptedServer((request, puts) -> status, true)) {
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> servedBy(server).upload(BytesPayload.random(1000, 17), NO_FIELDS, null))
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE))
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining("after the deadline")
				.withMessageContaining(Integer.toString(status));
			assertThat(server.requests()).hasSizeGreaterThan(7);
		}
	}

	@Test
	void storageIsLeftAloneForAsLongAsItAsks() throws Exception {
		assumePauses();
		try (ScriptedServer server = new ScriptedServer((request, puts) -> {
			request.getResponseHeaders().set("Retry-After", "12");
			return 503;
		}, true)) {
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> servedBy(server).upload(BytesPayload.random(1000, 17), NO_FIELDS, null))
				.withMessageContaining("another attempt in 12")
				.withMessageContaining("after the deadline");
			// Half a minute has time for two such pauses.
			assertThat(server.requests()).hasSize(3);
		}
	}

	@Test
	void answerWithoutAnEntityTagIsNoProof() throws Exception {
		for (int download : new int[] { 404, 403, 200, 206 }) {
			try (ScriptedServer server = new ScriptedServer(
					(request, puts) -> request.getRequestMethod().equals("PUT") ? 200 : download, false)) {
				ExternalStorage storage = servedBy(server);
				assertThatExceptionOfType(VgiExternalException.class).as("status " + download)
					.isThrownBy(() -> storage.upload(BytesPayload.random(1000, 18), NO_FIELDS, null))
					.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE))
					.satisfies(ExternalStorageContractTests::namesNoSecret);
			}
		}
	}

	@Test
	void objectOfTheRightLengthIsProof() throws Exception {
		for (int download : new int[] { 200, 206 }) {
			try (ScriptedServer server = new ScriptedServer(
					(request, puts) -> request.getRequestMethod().equals("PUT") ? 200 : download, false)) {
				ExternalStorage storage = servedBy(server);
				storage.upload(BytesPayload.random(ScriptedServer.LENGTH, 19), NO_FIELDS, null);
				assertThat(server.requests()).containsExactly("PUT", "GET");
			}
		}
	}

	@Test
	@Timeout(30)
	void slowCredentialsAreWaitedForUntilTheDeadline() {
		CountDownLatch given = new CountDownLatch(1);
		ExternalStorage storage = askingFor(() -> {
			try {
				given.await();
			}
			catch (InterruptedException ex) {
				Thread.currentThread().interrupt();
			}
		}, Duration.ofMillis(300));
		for (int size : new int[] { 1000, multipartSize() }) {
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(size, 20), NO_FIELDS, null))
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.TIMED_OUT))
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining("did not answer in time");
		}
		given.countDown();
		assertThat(contents()).isEmpty();
	}

	@Test
	void failingCredentialsAreAskedForAgain() throws Exception {
		AtomicBoolean failing = new AtomicBoolean(true);
		ExternalStorage storage = askingFor(() -> {
			if (failing.getAndSet(false)) {
				throw new UncheckedIOException(new NoSuchFileException("planted?X-Amz-Signature=00"));
			}
		}, Duration.ofSeconds(30));
		for (int size : new int[] { 1000, multipartSize() }) {
			failing.set(true);
			BytesPayload payload = BytesPayload.random(size, 21);
			assertThat(get(storage.upload(payload, NO_FIELDS, null)).body()).isEqualTo(payload.bytes());
			assertThat(failing).isFalse();
		}
		failing.set(true);
		UploadUrl pair = ((UploadUrlProvider) storage).generateUploadUrl(NO_FIELDS);
		assertThat(storage.isOwn(pair.downloadUrl())).isTrue();
	}

	@Test
	void credentialsThatFailBehindAnUploadAreAskedForAgain() throws Exception {
		AtomicInteger asked = new AtomicInteger();
		ExternalStorage storage = askingFor(() -> {
			if (asked.incrementAndGet() == 2) {
				throw new UncheckedIOException(new NoSuchFileException("planted?X-Amz-Signature=00"));
			}
		}, Duration.ofSeconds(30));
		assertThat(get(storage.upload(BytesPayload.random(1000, 21), NO_FIELDS, null)).body()).hasSize(1000);
		assertThat(asked).hasValue(3);
	}

	@Test
	void missingCredentialsAreAnOutage() {
		ExternalStorage storage = askingFor(() -> {
			throw new UncheckedIOException(new NoSuchFileException("planted?X-Amz-Signature=00"));
		}, Duration.ofSeconds(30));
		for (ThrowingCallable call : List.<ThrowingCallable>of(
				() -> storage.upload(BytesPayload.random(1000, 22), NO_FIELDS, null),
				() -> storage.upload(BytesPayload.random(multipartSize(), 22), NO_FIELDS, null),
				() -> ((UploadUrlProvider) storage).generateUploadUrl(NO_FIELDS), storage::verifyReachable)) {
			assertThatExceptionOfType(VgiExternalException.class).isThrownBy(call)
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.STORAGE_UNAVAILABLE))
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining("the file or its folder does not exist")
				.withMessageNotContaining("planted");
		}
		assertThat(contents()).isEmpty();
	}

	@Test
	void whoseAUrlIsTakesNoCredentials() {
		URI url = storage().upload(BytesPayload.random(100, 23), NO_FIELDS, null);
		AtomicInteger asked = new AtomicInteger();
		ExternalStorage storage = askingFor(() -> {
			asked.incrementAndGet();
			throw new IllegalStateException("none");
		}, Duration.ofSeconds(30));
		assertThat(storage.isOwn(url)).isTrue();
		assertThat(storage.isOwn(URI.create("https://elsewhere.example/x.arrow?X-Amz-Signature=00"))).isFalse();
		assertThat(asked).hasValue(0);
	}

	@Test
	void credentialsAreAskedForOnceASignature() {
		AtomicInteger asked = new AtomicInteger();
		ExternalStorage storage = askingFor(asked::incrementAndGet, Duration.ofSeconds(30));
		storage.upload(BytesPayload.random(100, 24), NO_FIELDS, null);
		assertThat(asked).hasValue(2);
		((UploadUrlProvider) storage).generateUploadUrl(NO_FIELDS);
		assertThat(asked).hasValueLessThanOrEqualTo(4);
	}

	@Test
	@Timeout(60)
	void objectWhoseUrlCannotBeSignedIsDeleted() {
		for (int size : new int[] { 1000, multipartSize() }) {
			AtomicInteger asked = new AtomicInteger();
			askingFor(asked::incrementAndGet, Duration.ofSeconds(30)).upload(BytesPayload.random(size, 25), NO_FIELDS,
					null);
			List<String> before = contents();
			Thread caller = Thread.currentThread();
			AtomicInteger signature = new AtomicInteger();
			ExternalStorage storage = askingFor(() -> {
				// The last signature of an upload is that of its download URL.
				if (signature.incrementAndGet() == asked.get()) {
					caller.interrupt();
					try {
						new CountDownLatch(1).await();
					}
					catch (InterruptedException ex) {
						Thread.currentThread().interrupt();
					}
				}
			}, Duration.ofSeconds(30));
			assertThatExceptionOfType(VgiExternalException.class)
				.isThrownBy(() -> storage.upload(BytesPayload.random(size, 26), NO_FIELDS, null))
				.satisfies((ex) -> assertThat(ex.kind()).isEqualTo(Kind.CANCELLED))
				.satisfies(ExternalStorageContractTests::namesNoSecret);
			assertThat(Thread.interrupted()).isTrue();
			if (takesDeletions()) {
				assertThat(contents()).hasSameElementsAs(before);
			}
		}
	}

	@Test
	void concurrentUploadsAndDownloadsAreNotTorn() throws Exception {
		ExecutorService executor = Executors.newFixedThreadPool(64);
		try {
			List<Future<?>> calls = new ArrayList<>();
			for (int i = 0; i < 64; i++) {
				int seed = i;
				calls.add(executor.submit(() -> {
					BytesPayload payload = BytesPayload.random(50_000 + seed * 1000, seed);
					URI url = storage().upload(payload, NO_FIELDS, null);
					UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
					put(pair.uploadUrl(), payload.bytes());
					assertThat(get(url).body()).isEqualTo(payload.bytes());
					assertThat(get(pair.downloadUrl()).body()).isEqualTo(payload.bytes());
					return null;
				}));
			}
			for (Future<?> call : calls) {
				call.get();
			}
		}
		finally {
			executor.shutdownNow();
		}
		assertThat(contents()).hasSize(128);
	}

	@Test
	void misconfigurationIsAClearError() {
		broken().forEach((text, storage) -> {
			assertThatExceptionOfType(VgiExternalException.class).as(text)
				.isThrownBy(() -> storage.upload(BytesPayload.random(100, 15), NO_FIELDS, null))
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining(text);
			assertThatExceptionOfType(VgiExternalException.class).as(text)
				.isThrownBy(() -> storage.upload(BytesPayload.random(multipartSize(), 15), NO_FIELDS, null))
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining(text);
			assertThatExceptionOfType(VgiExternalException.class).as(text)
				.isThrownBy(storage::verifyReachable)
				.satisfies(ExternalStorageContractTests::namesNoSecret)
				.withMessageContaining(text);
		});
	}

	@Test
	void saysThatItIsReachableWithoutCreatingAnything() {
		storage().verifyReachable();
		assertThat(contents()).isEmpty();
		assertThat(storage().name()).matches("[a-z0-9]+");
	}

	@Test
	void showsNoSignature() {
		UploadUrl pair = uploadUrls().generateUploadUrl(NO_FIELDS);
		assertThat(pair.toString()).doesNotContain(pair.uploadUrl().getRawQuery());
		assertThat(storage().toString()).doesNotContainIgnoringCase("signature");
	}

	private void assumePauses() {
		if (!passesPauses()) {
			throw new TestAbortedException("Pauses take their time");
		}
	}

	private ExternalStorage servedBy(ScriptedServer server) {
		ExternalStorage storage = servedBy(server.url());
		if (storage == null) {
			throw new TestAbortedException("Uploads do not go over HTTP");
		}
		return storage;
	}

	private ExternalStorage askingFor(Runnable asking, Duration timeout) {
		ExternalStorage storage = withCredentials(asking, timeout);
		if (storage == null) {
			throw new TestAbortedException("There are no credentials");
		}
		return storage;
	}

	private static void await(BooleanSupplier condition) {
		assertThat(
				Uninterruptibles.await(Duration.ofSeconds(20), condition, (nanos) -> TimeUnit.MILLISECONDS.sleep(50)))
			.isTrue();
	}

	private static void namesNoSecret(Throwable error) {
		for (Throwable shown = error; shown != null; shown = shown.getCause()) {
			assertThat(String.valueOf(shown.getMessage())).doesNotContainIgnoringCase("signature=")
				.doesNotContain("X-Amz-");
			for (Throwable suppressed : shown.getSuppressed()) {
				namesNoSecret(suppressed);
			}
		}
	}

	/**
	 * Send a GET as a peer would.
	 * @param url the URL
	 * @param headers names and values in turn
	 * @return the whole response
	 * @throws IOException if there is none
	 * @throws InterruptedException if interrupted
	 */
	protected final HttpResponse<byte[]> get(URI url, String... headers) throws IOException, InterruptedException {
		HttpRequest.Builder request = HttpRequest.newBuilder(url);
		if (headers.length > 0) {
			request.headers(headers);
		}
		return send(request.GET());
	}

	/**
	 * Send a PUT as peers do: the Arrow type, no content coding, a length.
	 * @param url the URL
	 * @param bytes the body
	 * @return the whole response
	 * @throws IOException if there is none
	 * @throws InterruptedException if interrupted
	 */
	protected final HttpResponse<byte[]> put(URI url, byte @Nullable [] bytes)
			throws IOException, InterruptedException {
		return send(HttpRequest.newBuilder(url)
			.header("Content-Type", ARROW)
			.PUT((bytes != null) ? BodyPublishers.ofByteArray(bytes) : BodyPublishers.noBody()));
	}

	protected final HttpResponse<byte[]> send(HttpRequest.Builder request) throws IOException, InterruptedException {
		return this.http.send(request.build(), BodyHandlers.ofByteArray());
	}

	/**
	 * An owner that anybody could be.
	 *
	 * @param digits two hexadecimal digits
	 */
	private record Owner(String digits) implements ObjectOwner {

		@Override
		public String mark(String id) {
			return this.digits.repeat(16);
		}

		@Override
		public boolean owns(String id, String mark) {
			return mark.equals(mark(id));
		}

	}

	/**
	 * Takes uploads, stores nothing and answers as it was told: with a status and, if
	 * that is a success, with an entity tag or none. What it shows instead of an object
	 * has {@value #LENGTH} bytes.
	 */
	private static final class ScriptedServer implements AutoCloseable {

		static final int LENGTH = 999;

		private final HttpServer server;

		private final ToIntBiFunction<HttpExchange, Integer> script;

		private final boolean tagged;

		private final List<String> requests = new CopyOnWriteArrayList<>();

		ScriptedServer(ToIntBiFunction<HttpExchange, Integer> script, boolean tagged) throws IOException {
			this.script = script;
			this.tagged = tagged;
			this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
			this.server.createContext("/", this::answer);
			this.server.start();
		}

		private void answer(HttpExchange exchange) throws IOException {
			try (exchange) {
				exchange.getRequestBody().readAllBytes();
				this.requests.add(exchange.getRequestMethod());
				int puts = (int) this.requests.stream().filter("PUT"::equals).count();
				int status = this.script.applyAsInt(exchange, puts);
				if (this.tagged && status == 200) {
					exchange.getResponseHeaders().set("ETag", "\"tag\"");
				}
				if (status == 206) {
					exchange.getResponseHeaders().set("Content-Range", "bytes 0-0/" + LENGTH);
				}
				int length = 0;
				if (exchange.getRequestMethod().equals("GET") && status / 100 == 2) {
					length = (status == 206) ? 1 : LENGTH;
				}
				exchange.sendResponseHeaders(status, (length > 0) ? length : -1);
				exchange.getResponseBody().write(new byte[length]);
			}
		}

		URI url() {
			return URI.create("http://127.0.0.1:" + this.server.getAddress().getPort());
		}

		List<String> requests() {
			return this.requests;
		}

		@Override
		public void close() {
			this.server.stop(0);
		}

	}

}
