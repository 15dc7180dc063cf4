package dev.vgi.external.rpc;

import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import dev.vgi.external.autoconfigure.security.RpcAuthenticationEntryPoint;
import dev.vgi.external.autoconfigure.security.VgiRequest;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.security.access.prepost.PreAuthorize;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.authentication.BadCredentialsException;
import org.springframework.security.authentication.CredentialsExpiredException;
import org.springframework.security.authentication.UsernamePasswordAuthenticationToken;
import org.springframework.security.config.annotation.method.configuration.EnableMethodSecurity;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.access.intercept.AuthorizationFilter;
import org.springframework.security.web.authentication.AuthenticationFilter;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for a service behind Spring Security, as {@code docs/security.md} configures it.
 */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
		properties = { "spring.autoconfigure.exclude=", "vgi.external.storage=local",
				"vgi.rpc.token-keys=abababababababababababababababababababababababababababababababab" })
@NullUnmarked
class SecuredServiceTests {

	private static final String ANN = "Bearer ann";

	private static final String ADMIN = "Bearer admin";

	private final BufferAllocator allocator = new RootAllocator();

	private Loopback loopback;

	@Autowired
	private RecordingValidator validator;

	@LocalServerPort
	private int port;

	@BeforeEach
	void connect() {
		this.loopback = new Loopback(this.port, "", this.allocator);
		this.validator.asked.clear();
	}

	@AfterEach
	void nothingIsKept() {
		this.allocator.close();
	}

	@Test
	void aCallWithoutCredentialIsRefusedAsPeersExpect() {
		HttpResponse<byte[]> response = call("/double_it", null);
		assertThat(response.statusCode()).isEqualTo(401);
		assertThat(response.headers().firstValue("VGI-Auth-Reason")).hasValue("missing_credential");
		assertThat(response.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
		assertThat(response.headers().firstValue("Cache-Control"))
			.hasValueSatisfying((value) -> assertThat(value).contains("no-store"));
		assertThat(text(response)).isEqualTo("{\"error\":\"unauthorized\",\"reason\":\"missing_credential\","
				+ "\"detail\":\"The request carries no credential\"}");
		// What a client needs to know before it has a credential.
		assertThat(response.headers().firstValue("VGI-Supported-Encodings")).hasValue("zstd, gzip");
		assertThat(response.headers().firstValue("X-Request-ID")).hasValue("feedfacefeedface");
	}

	@Test
	void aBadCredentialIsToldFromAnExpiredOne() {
		assertThat(call("/double_it", "Bearer nobody").headers().firstValue("VGI-Auth-Reason"))
			.hasValue("invalid_credential");
		assertThat(call("/double_it", "Bearer old").headers().firstValue("VGI-Auth-Reason"))
			.hasValue("expired_credential");
	}

	@Test
	void aBearerTokenLetsIn() {
		for (String path : List.of("/double_it", "/SecuredService/double_it")) {
			assertThat(call(path, ANN).statusCode()).isEqualTo(200);
		}
	}

	@Test
	void noPointerIsLookedAtBeforeTheCallerIsKnown() {
		byte[] pointer = body(List.of(number()), 0,
				metadata("double_it").with(MetadataKeys.LOCATION, "https://storage.example/key"));
		assertThat(post("/double_it", pointer, null).statusCode()).isEqualTo(401);
		assertThat(this.validator.asked).isEmpty();
		assertThat(post("/double_it", pointer, ANN).headers().firstValue("X-VGI-RPC-Error")).hasValue("true");
		assertThat(this.validator.asked).isNotEmpty();
	}

	@ParameterizedTest
	@ValueSource(strings = { "/double_it", "/double_it;a=b", "/double%5Fit", "//double_it", "/double_it/", "/DOUBLE_IT",
			"/SecuredService/double_it", "/count/init", "/count/exchange", "/SecuredService/count/init",
			"/__describe__", "/vgi_rpc.Reflection.v1/list_protocols", "/__upload_url__/init", "/__renew_url__/init",
			"/__renew_url__;a=b/init", "/nothing" })
	void noSpellingOfAPathLetsAnybodyIn(String path) {
		assertThat(call(path, null).statusCode()).isIn(400, 401);
	}

	@Test
	void methodSecurityHoldsAndItsRefusalStaysA403() {
		assertThat(call("/admin_only", ADMIN).statusCode()).isEqualTo(200);
		HttpResponse<byte[]> response = call("/admin_only", ANN);
		assertThat(response.statusCode()).isEqualTo(403);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isEmpty();
	}

	@Test
	void methodSecurityHoldsForTurns() {
		assertThat(StreamReply.of(call("/admin_count/init", ADMIN), this.allocator).flagged()).isFalse();
		assertThat(call("/admin_count/init", ANN).statusCode()).isEqualTo(403);
	}

	@Test
	void aStreamGoesOnForItsOwnCallerOnly() {
		StreamReply first = StreamReply.of(call("/count/init", ANN), this.allocator);
		byte[] turn = body(List.of(), 0, first.tokens());
		assertThat(post("/count/exchange", turn, ANN).statusCode()).isEqualTo(200);
		assertThat(post("/count/exchange", turn, ADMIN).statusCode()).isEqualTo(400);
	}

	@Test
	void uploadUrlsAreForThoseWhoMayWrite() {
		byte[] request = body(List.of(), 0, metadata("__upload_url__"));
		assertThat(post("/__upload_url__/init", request, null).statusCode()).isEqualTo(401);
		assertThat(post("/__upload_url__/init", request, ANN).statusCode()).isEqualTo(403);
		// Past security: a request without rows is no request.
		assertThat(post("/__upload_url__/init", request, ADMIN).statusCode()).isEqualTo(400);
	}

	@ParameterizedTest
	@ValueSource(strings = { "/__upload_url__/init", "/__upload_url__;a=b/init", "/__upload_url__/init;a=b",
			"/%5F%5Fupload_url__/init", "/__upload_url__%2Finit", "//__upload_url__/init", "/__upload_url__//init",
			"/__upload_url__/init/", "/__UPLOAD_URL__/init", "/./__upload_url__/init", "/x/../__upload_url__/init",
			"/__upload_url__/init?a=b", "/__upload_url__/init%00" })
	void noSpellingOfAPathIsForLessThanItsRole(String path) {
		byte[] request = body(List.of(number()), 1, metadata("__upload_url__"));
		assertThat(post("/__upload_url__/init", request, ADMIN).statusCode()).isEqualTo(200);
		assertThat(post(path, request, ANN).statusCode()).isIn(400, 401, 403, 404);
	}

	@Test
	void whoMayCallMayRenewItsLinks() {
		byte[] request = body(List.of(), 0, metadata("__renew_url__"));
		assertThat(post("/__renew_url__/init", request, null).statusCode()).isEqualTo(401);
		// Past security: a request without rows is no request.
		assertThat(post("/__renew_url__/init", request, ANN).statusCode()).isEqualTo(400);
	}

	@Test
	void healthIsOpenAndTheLocalStoreGoesBySignature() {
		assertThat(this.loopback.get("/health").statusCode()).isEqualTo(200);
		assertThat(this.loopback.get("/_vgi/objects/unknown").statusCode()).isNotIn(200, 401);
	}

	@Test
	void otherRoutesKeepTheirProtection() {
		HttpResponse<byte[]> response = this.loopback.post("/form", "application/x-www-form-urlencoded", new byte[0],
				"Authorization", ANN);
		// No CSRF token, and no user on the way to the error page.
		assertThat(response.statusCode()).isIn(401, 403);
	}

	private HttpResponse<byte[]> call(String path, String authorization) {
		String method = path.replaceAll("/(init|exchange)$", "").replaceAll(".*/", "");
		boolean row = method.equals("double_it");
		return post(path, body(row ? List.of(number()) : List.of(), row ? 1 : 0, metadata(method)), authorization);
	}

	private HttpResponse<byte[]> post(String path, byte[] body, String authorization) {
		return (authorization != null) ? this.loopback.post(path, Loopback.ARROW, body, "Authorization", authorization)
				: this.loopback.post(path, Loopback.ARROW, body);
	}

	private byte[] body(List<FieldVector> columns, int rows, BatchMetadata metadata) {
		VectorSchemaRoot root = new VectorSchemaRoot(columns);
		root.setRowCount(rows);
		try (AnnotatedBatch batch = AnnotatedBatch.of(root).withMetadata(metadata)) {
			return Loopback.bytes(batch);
		}
	}

	private FieldVector number() {
		BigIntVector vector = (BigIntVector) new Field("value", FieldType.notNullable(new ArrowType.Int(64, true)),
				null)
			.createVector(this.allocator);
		vector.setSafe(0, 21);
		vector.setValueCount(1);
		return vector;
	}

	private static BatchMetadata metadata(String method) {
		return BatchMetadata.of(Map.of(MetadataKeys.METHOD, method, MetadataKeys.REQUEST_VERSION, "1"));
	}

	private static String text(HttpResponse<byte[]> response) {
		return new String(response.body(), StandardCharsets.UTF_8);
	}

	@SpringBootConfiguration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@EnableMethodSecurity
	@Import(SecuredController.class)
	static class Application {

		// tag::chain[]
		@Bean
		SecurityFilterChain security(HttpSecurity http) throws Exception {
			return http
				.csrf((csrf) -> csrf.ignoringRequestMatchers(VgiRequest.toRpc(), VgiRequest.toUploadUrls(),
						VgiRequest.toLocalStore()))
				.authorizeHttpRequests(
						(requests) -> requests.requestMatchers(VgiRequest.toHealth(), VgiRequest.toLocalStore())
							.permitAll()
							.requestMatchers(VgiRequest.toUploadUrls())
							.hasRole("ADMIN")
							.requestMatchers(VgiRequest.toRpc())
							.authenticated()
							.anyRequest()
							.authenticated())
				.exceptionHandling(
						(handling) -> handling.authenticationEntryPoint(new RpcAuthenticationEntryPoint("Bearer")))
				// An application would say .oauth2ResourceServer(...) here.
				.addFilterBefore(bearer(), AuthorizationFilter.class)
				.build();
		}
		// end::chain[]

		private static AuthenticationFilter bearer() {
			AuthenticationManager manager = (token) -> switch (token.getName()) {
				case "ann" -> authenticated(token, "ROLE_USER");
				case "admin" -> authenticated(token, "ROLE_USER", "ROLE_ADMIN");
				case "old" -> throw new CredentialsExpiredException("expired on Tuesday");
				default -> throw new BadCredentialsException("no such user");
			};
			AuthenticationFilter filter = new AuthenticationFilter(manager, Application::token);
			filter.setSuccessHandler((request, response, authentication) -> {
			});
			filter.setFailureHandler((request, response, failure) -> new RpcAuthenticationEntryPoint("Bearer")
				.commence(request, response, failure));
			return filter;
		}

		private static Authentication token(HttpServletRequest request) {
			String header = request.getHeader("Authorization");
			return (header != null)
					? UsernamePasswordAuthenticationToken.unauthenticated(header.substring("Bearer ".length()), header)
					: null;
		}

		private static Authentication authenticated(Authentication token, String... roles) {
			return UsernamePasswordAuthenticationToken.authenticated(token.getName(), null,
					AuthorityUtils.createAuthorityList(roles));
		}

		@Bean
		RecordingValidator urlValidator() {
			return new RecordingValidator();
		}

	}

	static class RecordingValidator implements UrlValidator {

		final List<URI> asked = new ArrayList<>();

		@Override
		public void validate(URI url) {
			this.asked.add(url);
			throw new UrlRejectedException(url, "nothing is fetched here");
		}

	}

	@RestController
	@RpcService(name = "SecuredService")
	static class SecuredController {

		private static final Schema WHO = new Schema(List.of(Field.nullable("who", ArrowType.Utf8.INSTANCE)));

		@RpcMethod("double_it")
		long doubleIt(long value) {
			return value * 2;
		}

		@PreAuthorize("hasRole('ADMIN')")
		@RpcMethod("admin_only")
		void adminOnly() {
		}

		@RpcMethod("count")
		ProducerStream<Void> count() {
			return ProducerStream.of(WHO, new CountState());
		}

		@RpcMethod("admin_count")
		ProducerStream<Void> adminCount() {
			return ProducerStream.of(WHO, new AdminState());
		}

		@RpcTurn
		Turn next(CountState state, Authentication caller, RpcContext context) {
			return Turn.emit(row(caller.getName(), context), state);
		}

		@RpcTurn
		@PreAuthorize("hasRole('ADMIN')")
		Turn next(AdminState state, RpcContext context) {
			return Turn.emit(row("admin", context), state);
		}

		private static VectorSchemaRoot row(String who, RpcContext context) {
			VectorSchemaRoot root = VectorSchemaRoot.create(WHO, context.allocator());
			((VarCharVector) root.getVector(0)).setSafe(0, who.getBytes(StandardCharsets.UTF_8));
			root.setRowCount(1);
			return root;
		}

		record CountState() {

		}

		record AdminState() {

		}

	}

}
