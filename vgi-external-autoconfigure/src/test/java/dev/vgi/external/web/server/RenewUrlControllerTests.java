package dev.vgi.external.web.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Principal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.OutputCycle;
import dev.vgi.external.location.PointerRenewal;
import dev.vgi.external.seal.Sealer;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.BytesPayload;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StoredObject;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.storage.local.LocalStorageSettings;
import dev.vgi.external.storage.local.SteppedClock;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.upload.Payload;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link RenewUrlController} and the tokens of {@link PointerRenewals}.
 */
class RenewUrlControllerTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	private static final String METHOD = "__renew_url__";

	private static final String PATH = "/app/rpc/__renew_url__/init";

	private static final String SHA256 = "0123456789abcdef".repeat(4);

	private static final Schema NO_FIELDS = new Schema(List.of());

	/** What a caller is told whose token is not its own, whatever is wrong with it. */
	private static final String INVALID = "400 BAD_REQUEST The renewal token is missing or invalid, or was given to"
			+ " somebody else";

	private final BufferAllocator allocator = new RootAllocator();

	private final SteppedClock clock = new SteppedClock();

	private final TokenKey key = TokenKey.random();

	private final List<String> errors = new ArrayList<>();

	private final List<@Nullable Kind> told = new ArrayList<>();

	private final MockHttpServletResponse response = new MockHttpServletResponse();

	@TempDir
	private Path folder;

	private LocalStorage storage;

	@BeforeEach
	void create() {
		this.storage = new LocalStorage(LocalStorageSettings.of(this.folder).withRetention(Duration.ofDays(30)),
				() -> URI.create("https://service.example"), this.clock);
	}

	@AfterEach
	void nothingIsLeft() {
		this.allocator.close();
	}

	@ParameterizedTest
	@NullSource
	@ValueSource(strings = { "ann", "", "=ann", "名前" })
	void callerGetsANewLinkForItsToken(@Nullable String caller) throws Exception {
		URI url = upload();
		BatchMetadata metadata = vend(url, SHA256, caller);
		assertThat(metadata.asMap()).containsOnlyKeys("vgi_external.renewal", "vgi_external.renewal_path");
		assertThat(metadata.get(MetadataKeys.RENEWAL_PATH)).isEqualTo(PATH);
		this.clock.step(Duration.ofHours(23));
		renew(metadata.get(MetadataKeys.RENEWAL), caller);
		assertThat(this.errors).isEmpty();
		assertThat(this.told).containsExactly((Kind) null);
		assertThat(this.response.getStatus()).isEqualTo(200);
		assertThat(this.response.getContentType()).isEqualTo(ARROW);
		assertThat(this.response.getHeader("Cache-Control")).isEqualTo("no-store");
		try (IpcStreamReader reader = IpcStreamReader
			.of(new ByteArrayInputStream(this.response.getContentAsByteArray()), 1 << 20, this.allocator)) {
			assertThat(reader.nextStream()).isTrue();
			assertThat(reader.schema().getFields()).extracting(Field::toString)
				.containsExactly("download_url: Utf8 not null", "expires_at: Timestamp(MICROSECOND, UTC)");
			try (AnnotatedBatch batch = reader.next()) {
				assertThat(batch).isNotNull();
				assertThat(batch.rowCount()).isOne();
				URI link = URI.create(String.valueOf(batch.root().getVector(0).getObject(0)));
				assertThat(this.storage.renewableKey(link)).isEqualTo(this.storage.renewableKey(url));
				assertThat(link).isNotEqualTo(url);
				long expiry = this.clock.instant().plus(Duration.ofHours(1)).getEpochSecond();
				assertThat(batch.root().getVector(1).getObject(0)).isEqualTo(expiry * 1_000_000);
				this.storage.open(link).close();
			}
			assertThat(reader.next()).isNull();
		}
	}

	@Test
	void linkMayHaveNoEnd() throws Exception {
		PointerRenewals renewals = renewals(new Endless(), Duration.ofDays(1), this.key);
		BatchMetadata metadata = Objects.requireNonNull(renewals.of(request(null, null, null)))
			.of(URI.create("https://storage.example/key"), null);
		controller(renewals).init(request(body(metadata.get(MetadataKeys.RENEWAL), METHOD, "1"), ARROW, null),
				this.response);
		try (IpcStreamReader reader = IpcStreamReader
			.of(new ByteArrayInputStream(this.response.getContentAsByteArray()), 1 << 20, this.allocator)) {
			assertThat(reader.nextStream()).isTrue();
			try (AnnotatedBatch batch = reader.next()) {
				assertThat(batch).isNotNull();
				assertThat(batch.root().getVector(1).isNull(0)).isTrue();
			}
		}
	}

	@Test
	void pointerMayHaveNoDigest() throws Exception {
		renew(vend(upload(), null, "ann").get(MetadataKeys.RENEWAL), "ann");
		assertThat(this.told).containsExactly((Kind) null);
	}

	@Test
	void otherCallersAreTreatedLikeForgers() throws Exception {
		String token = vend(upload(), SHA256, "ann").get(MetadataKeys.RENEWAL);
		String anonymous = vend(upload(), SHA256, null).get(MetadataKeys.RENEWAL);
		for (String other : new String[] { "bob", "", "=ann", "Ann", null }) {
			renew(token, other);
		}
		renew(anonymous, "ann");
		renew(anonymous, "");
		renew("AAAA", "ann");
		assertThat(this.errors).hasSize(8).containsOnly(INVALID);
		assertThat(this.told).hasSize(8).containsOnly(Kind.BAD_REQUEST);
		// Nobody learns that a token of somebody else is old or that its object is gone.
		this.clock.step(Duration.ofDays(2));
		renew(token, "bob");
		assertThat(this.errors).hasSize(9).containsOnly(INVALID);
	}

	@Test
	void anyChangedByteIsRefused() throws Exception {
		byte[] token = Base64.getDecoder().decode(vend(upload(), SHA256, "ann").get(MetadataKeys.RENEWAL));
		for (int i = 0; i < token.length; i++) {
			byte[] changed = token.clone();
			changed[i] ^= 1;
			renew(Base64.getEncoder().encodeToString(changed), "ann");
			renew(Base64.getEncoder().encodeToString(Arrays.copyOf(token, i)), "ann");
		}
		renew(null, "ann");
		renew("", "ann");
		renew("x".repeat(60_000), "ann");
		renew(Base64.getEncoder().encodeToString(token) + "AAAA", "ann");
		assertThat(this.errors).hasSize(2 * token.length + 4).containsOnly(INVALID);
	}

	@Test
	void tokenIsForThisServiceAndStorage() throws Exception {
		String token = vend(upload(), SHA256, "ann").get(MetadataKeys.RENEWAL);
		PointerRenewals other = new PointerRenewals(this.storage, List.of(this.key), "other", Duration.ofDays(1),
				(request) -> PATH, this.clock);
		renew(other, token, "ann");
		renew(renewals(new Endless(), Duration.ofDays(1), this.key), token, "ann");
		assertThat(this.errors).hasSize(2).containsOnly(INVALID);
	}

	@Test
	void otherSealedTextsAreRefused() throws Exception {
		Sealer sealer = new Sealer(List.of(this.key));
		byte[] content = Objects.requireNonNull(
				new RenewalToken("x", null, this.clock.instant(), this.clock.instant().plusSeconds(60)).toBytes());
		for (String use : List.of("CALL", "CURSOR", "RENEWALS")) {
			renew(sealer.seal(List.of(use, "service", "local", "=ann"), content), "ann");
		}
		renew(sealer.seal(List.of("CALL", "RENEWAL", "service", "local", "=ann"), content), "ann");
		// Sealed for renewals, by another version of this service.
		for (byte[] unknown : List.of(new byte[0], new byte[40], new byte[] { 1, 2, 3 })) {
			renew(sealer.seal(List.of("RENEWAL", "service", "local", "=ann"), unknown), "ann");
		}
		byte[] digest = content.clone();
		digest[17] = 32;
		renew(sealer.seal(List.of("RENEWAL", "service", "local", "=ann"), digest), "ann");
		digest[17] = -1;
		renew(sealer.seal(List.of("RENEWAL", "service", "local", "=ann"), digest), "ann");
		assertThat(this.errors).hasSize(9).containsOnly(INVALID);
	}

	@Test
	void keysMayBeReplaced() throws Exception {
		String token = vend(upload(), SHA256, "ann").get(MetadataKeys.RENEWAL);
		TokenKey next = TokenKey.random();
		renew(renewals(this.storage, Duration.ofDays(1), next, this.key), token, "ann");
		assertThat(this.told).containsExactly((Kind) null);
		renew(renewals(this.storage, Duration.ofDays(1), next), token, "ann");
		assertThat(this.errors).containsExactly(INVALID);
	}

	@Test
	void callerOfAnotherTenantDoesNotRenew() throws Exception {
		URI url = upload();
		String any = vend(url, SHA256, "ann").get(MetadataKeys.RENEWAL);
		PointerRenewals first = renewals(this.storage, Duration.ofDays(1), this.key)
			.inGroups((request) -> List.of("TENANT", "=first"));
		PointerRenewals second = renewals(this.storage, Duration.ofDays(1), this.key)
			.inGroups((request) -> List.of("TENANT", "=second"));
		PointerRenewals unnamed = renewals(this.storage, Duration.ofDays(1), this.key)
			.inGroups((request) -> List.of("TENANT", ""));
		String token = Objects.requireNonNull(first.of(request(null, null, "ann")))
			.of(url, SHA256)
			.get(MetadataKeys.RENEWAL);
		renew(first, token, "ann");
		assertThat(this.told).containsExactly((Kind) null);
		renew(second, token, "ann");
		renew(unnamed, token, "ann");
		renew(token, "ann");
		renew(first, token, "bob");
		renew(first, any, "ann");
		assertThat(this.errors).hasSize(5).containsOnly(INVALID);
	}

	@Test
	void oldPointerIsNotRenewed() throws Exception {
		String token = vend(upload(), SHA256, "ann").get(MetadataKeys.RENEWAL);
		this.clock.step(Duration.ofDays(1).minusSeconds(1));
		renew(token, "ann");
		assertThat(this.told).containsExactly((Kind) null);
		this.clock.step(Duration.ofSeconds(1));
		renew(token, "ann");
		assertThat(this.errors).containsExactly("200 LINK_EXPIRED The link cannot be renewed any more: its pointer is"
				+ " older than 86400 s, 'vgi.external.renewal.max-age'");
	}

	@Test
	void shorterAgeCountsForPointersThatWereWrittenBefore() throws Exception {
		String token = vend(upload(), SHA256, "ann").get(MetadataKeys.RENEWAL);
		this.clock.step(Duration.ofMinutes(30));
		renew(renewals(this.storage, Duration.ofHours(1), this.key), token, "ann");
		assertThat(this.told).containsExactly((Kind) null);
		this.clock.step(Duration.ofMinutes(30));
		renew(renewals(this.storage, Duration.ofHours(1), this.key), token, "ann");
		assertThat(this.told).containsExactly(null, Kind.LINK_EXPIRED);
		// A longer one does not bring an old pointer back.
		this.clock.step(Duration.ofHours(23));
		renew(renewals(this.storage, Duration.ofDays(7), this.key), token, "ann");
		assertThat(this.told).containsExactly(null, Kind.LINK_EXPIRED, Kind.LINK_EXPIRED);
	}

	@Test
	void removedObjectIsGone() throws Exception {
		URI url = upload();
		String token = vend(url, SHA256, "ann").get(MetadataKeys.RENEWAL);
		Files.delete(this.folder.resolve(Objects.requireNonNull(this.storage.renewableKey(url))));
		renew(token, "ann");
		assertThat(this.errors).containsExactly("200 OBJECT_GONE There is no such object in storage, or no longer");
		assertThat(this.told).containsExactly(Kind.OBJECT_GONE);
	}

	@Test
	void failingStorageIsAnError() throws Exception {
		PointerRenewals renewals = renewals(new Endless() {

			@Override
			public URI signAgain(String key) {
				throw new StorageUnavailableException("no credentials", 0, null);
			}

		}, Duration.ofDays(1), this.key);
		renew(renewals,
				Objects.requireNonNull(renewals.of(request(null, null, null)))
					.of(URI.create("https://storage.example/key"), SHA256)
					.get(MetadataKeys.RENEWAL),
				null);
		assertThat(this.errors).containsExactly("200 STORAGE_UNAVAILABLE no credentials");
	}

	@Test
	void linksOfOthersAreNotRenewable() throws Exception {
		URI url = upload();
		URI forged = URI.create(url.toString().replaceFirst("Signature=.", "Signature=_"));
		for (URI other : List.of(URI.create("https://elsewhere.example/x"), forged,
				this.storage.generateUploadUrl(NO_FIELDS).uploadUrl())) {
			assertThat(vend(other, SHA256, "ann").isEmpty()).isTrue();
		}
	}

	@Test
	void tokenIsNeverLong() {
		for (int length : new int[] { 1, 1024 }) {
			PointerRenewals renewals = renewals(new Endless("é".repeat(length / 2) + "x".repeat(length % 2)),
					Duration.ofDays(1), this.key);
			String token = Objects.requireNonNull(renewals.of(request(null, null, "a".repeat(10_000))))
				.of(URI.create("https://storage.example/key"), SHA256)
				.get(MetadataKeys.RENEWAL);
			assertThat(token).hasSizeLessThanOrEqualTo(2048);
		}
		PointerRenewals renewals = renewals(new Endless("x".repeat(1025)), Duration.ofDays(1), this.key);
		assertThat(Objects.requireNonNull(renewals.of(request(null, null, null)))
			.of(URI.create("https://storage.example/key"), SHA256)
			.isEmpty()).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "rpc", "//elsewhere.example/x", "/a//b", "/a/../b", "/./a", "/..", "/a\\b", "/a b",
			"https://elsewhere.example/x", "/a?b", "/a#b", "/a/", "/\u00e9", "/a;b=c", "/%2e%2e/a", "/a%2Fb" })
	void pathThatReceiversRefuseIsNotVended(String path) {
		PointerRenewals renewals = new PointerRenewals(this.storage, List.of(this.key), "service", Duration.ofDays(1),
				(request) -> path + PATH, this.clock);
		assertThat(renewals.of(request(null, null, "ann"))).isNull();
	}

	@Test
	void longPathIsNotVended() {
		for (String path : List.of("/a".repeat(100_000), "/" + "a".repeat(2048))) {
			PointerRenewals renewals = new PointerRenewals(this.storage, List.of(this.key), "service",
					Duration.ofDays(1), (request) -> path + PATH, this.clock);
			assertThat(renewals.of(request(null, null, "ann"))).isNull();
		}
	}

	@ParameterizedTest
	@ValueSource(strings = { "/a", "/a/b", "/..a/b..", "/%C3%A9/~x/a.b-c_d", "" })
	void usualPathsAreVended(String path) {
		PointerRenewals renewals = new PointerRenewals(this.storage, List.of(this.key), "service", Duration.ofDays(1),
				(request) -> path + PATH, this.clock);
		PointerRenewal renewal = Objects.requireNonNull(renewals.of(request(null, null, "ann")));
		assertThat(renewal.of(upload(), SHA256).get(MetadataKeys.RENEWAL_PATH)).isEqualTo(path + PATH);
	}

	@ParameterizedTest
	@CsvSource(nullValues = "-", value = { "-", "application/json" })
	void otherMediaTypesAreUnsupported(@Nullable String contentType) throws Exception {
		controller(renewals(this.storage, Duration.ofDays(1), this.key))
			.init(request(body("x", METHOD, "1"), contentType, "ann"), this.response);
		assertThat(this.response.getStatus()).isEqualTo(415);
		assertThat(this.told).isEmpty();
	}

	@Test
	void largeRequestsAreRefused() throws Exception {
		controller(renewals(this.storage, Duration.ofDays(1), this.key))
			.init(request(new byte[64 * 1024 + 1], ARROW, "ann"), this.response);
		assertThat(this.response.getStatus()).isEqualTo(413);
	}

	@Test
	void whatDoesNotFollowTheProtocolIsABadRequest() throws Exception {
		byte[] good = body("x", METHOD, "1");
		for (byte[] bad : List.of(new byte[0], "no Arrow".getBytes(), Arrays.copyOf(good, 100),
				body("x", "__upload_url__", "1"), body("x", METHOD, "2"))) {
			controller(renewals(this.storage, Duration.ofDays(1), this.key)).init(request(bad, ARROW, "ann"),
					this.response);
		}
		assertThat(this.errors).hasSize(5).allSatisfy((error) -> assertThat(error).startsWith("400 CORRUPT_STREAM"));
		assertThat(this.told).hasSize(5).containsOnly(Kind.CORRUPT_STREAM);
	}

	private URI upload() {
		return this.storage.upload(BytesPayload.random(100, 1), NO_FIELDS, null);
	}

	private BatchMetadata vend(URI url, @Nullable String sha256, @Nullable String caller) {
		PointerRenewals renewals = renewals(this.storage, Duration.ofDays(1), this.key);
		return Objects.requireNonNull(renewals.of(request(null, null, caller))).of(url, sha256);
	}

	private PointerRenewals renewals(ExternalStorage storage, Duration maxAge, TokenKey... keys) {
		return new PointerRenewals(storage, List.of(keys), "service", maxAge, (request) -> PATH, this.clock);
	}

	private void renew(@Nullable String token, @Nullable String caller) throws IOException {
		renew(renewals(this.storage, Duration.ofDays(1), this.key), token, caller);
	}

	private void renew(PointerRenewals renewals, @Nullable String token, @Nullable String caller) throws IOException {
		controller(renewals).init(request(body(token, METHOD, "1"), ARROW, caller), this.response);
	}

	private RenewUrlController controller(PointerRenewals renewals) {
		TransferListener listener = new TransferListener() {

			@Override
			public void linkRenewalServed(@Nullable Kind failure) {
				RenewUrlControllerTests.this.told.add(failure);
			}

		};
		return new RenewUrlController(renewals, this.allocator,
				(request, response, status, failure) -> this.errors
					.add(status + " " + ((VgiExternalException) failure).kind() + " " + failure.getMessage()),
				listener);
	}

	private static MockHttpServletRequest request(byte @Nullable [] body, @Nullable String contentType,
			@Nullable String caller) {
		MockHttpServletRequest request = new MockHttpServletRequest("POST", PATH);
		request.setContent(body);
		request.setContentType(contentType);
		request.setUserPrincipal((caller != null) ? (Principal) () -> caller : null);
		return request;
	}

	private byte[] body(@Nullable String token, String method, String version) {
		VarCharVector vector = new VarCharVector("token", this.allocator);
		vector.allocateNew();
		if (token != null) {
			vector.setSafe(0, token.getBytes());
		}
		vector.setValueCount(1);
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method)
			.with(MetadataKeys.REQUEST_VERSION, version);
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (AnnotatedBatch request = AnnotatedBatch.of(new VectorSchemaRoot(List.of(vector))).withMetadata(metadata);
				GatheredStream stream = IpcStreamWriter.gather(OutputCycle.of(request))) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
		return bytes.toByteArray();
	}

	/**
	 * Signs any URL again, for ever.
	 */
	private static class Endless implements ExternalStorage {

		private final String key;

		Endless() {
			this("key");
		}

		Endless(String key) {
			this.key = key;
		}

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return true;
		}

		@Override
		public @Nullable Instant expiresAt(URI url) {
			return null;
		}

		@Override
		public String renewableKey(URI url) {
			return this.key;
		}

		@Override
		public URI signAgain(String key) {
			return URI.create("https://storage.example/" + key);
		}

		@Override
		public @Nullable StoredObject open(URI url) {
			return null;
		}

		@Override
		public String name() {
			return "endless";
		}

	}

}
