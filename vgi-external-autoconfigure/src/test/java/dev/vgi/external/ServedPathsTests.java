package dev.vgi.external;

import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import com.github.luben.zstd.Zstd;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.Loopback;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Profile;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.config.annotation.PathMatchConfigurer;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.util.pattern.PathPatternParser;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * No spelling of a path evades what holds for it, wherever the application is mounted.
 */
class ServedPathsTests {

	private static final int CAP = 10_000;

	private static final String ARROW = "Content-Type: " + Loopback.ARROW;

	@TempDir
	private Path folder;

	@ParameterizedTest
	@CsvSource({ "tomcat, '', '', '', /actuator", "tomcat, /vgi, '', '', /actuator", "tomcat, /vgi, /a b, '', /",
			"tomcat, /vgi, '', /api, ''", "tomcat, /vgi, /service, /api/, /vgi", "tomcat, '', /service, /api, ''",
			"jetty, '', '', '', /actuator", "jetty, /vgi, /service, /api/, /vgi" })
	void noSpellingEvadesCapAndCodings(String server, String prefix, String context, String servlet, String actuator)
			throws Exception {
		try (ConfigurableApplicationContext application = start("test.server=" + server, "vgi.rpc.prefix=" + prefix,
				"server.servlet.context-path=" + context,
				"spring.mvc.servlet.path=" + (servlet.isEmpty() ? "/" : servlet),
				"management.endpoints.web.base-path=" + actuator)) {
			int port = application.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
			String base = context.replace(" ", "%20") + servlet.replaceFirst("/$", "");
			String method = base + prefix + "/length";
			for (String path : spellings(method, "length")) {
				assertCapAndCodings(port, path);
			}
			for (String path : spellings(base + "/rows", "rows")) {
				assertCapAndCodings(port, path);
			}
			for (String path : List.of(method, method.replace("length", "le%6Egth"),
					method.replace("length", "length;a=b"))) {
				assertThat(post(port, path, body(10)).status()).isEqualTo(200);
			}
			assertThat(post(port, base + prefix + "/no%5Fsuch", body(10)).body()).contains("Unknown method: 'no_such'");
			if (!actuator.equals("/vgi")) {
				assertThat(post(port, method, body(10)).header("VGI-Max-Request-Bytes")).isEqualTo("" + CAP);
				assertThat(RawHttp.exchange(port, "GET", base + prefix + "/he%61lth;a=b", null)
					.header("VGI-Max-Request-Bytes")).isEqualTo("" + CAP);
			}
			if (actuator.equals("/actuator")) {
				assertThat(RawHttp.exchange(port, "GET", base + "/actuator", null).header("VGI-Max-Request-Bytes"))
					.isNull();
			}
			URI object = URI
				.create(String.valueOf(RawHttp.exchange(port, "GET", base + "/large", null).header("Location")));
			assertThat(object.getRawPath()).startsWith(base + "/_vgi/objects/");
			String target = object.getRawPath() + "?" + object.getRawQuery();
			assertThat(RawHttp.exchange(port, "GET", target, null).status()).isEqualTo(200);
			assertThat(RawHttp.exchange(port, "GET", target.replace("_vgi", "%5Fvgi;a=b"), null).status())
				.isEqualTo(200);
		}
	}

	@ParameterizedTest
	@CsvSource({ "/VGI/LENGTH", "/vGi/%4cength", "/Vgi/ServedPaths/Length;a" })
	void whereCaseDoesNotMatterItMattersNowhere(String path) throws Exception {
		try (ConfigurableApplicationContext application = start("vgi.rpc.prefix=/vgi",
				"spring.profiles.active=ignore-case")) {
			int port = application.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
			assertCapAndCodings(port, path);
			RawHttp.Response answer = post(port, path, body(10));
			assertThat(answer.status()).isEqualTo(200);
			assertThat(answer.header("VGI-Max-Request-Bytes")).isEqualTo("" + CAP);
		}
	}

	private ConfigurableApplicationContext start(String... settings) {
		List<String> arguments = new ArrayList<>(List.of("--server.port=0", "--server.address=127.0.0.1",
				"--vgi.external.storage=local", "--vgi.external.local.directory=" + this.folder,
				"--vgi.rpc.max-request-size=" + CAP + "B", "--spring.main.banner-mode=off"));
		for (String setting : settings) {
			arguments.add("--" + setting);
		}
		return SpringApplication.run(Application.class, arguments.toArray(String[]::new));
	}

	private static List<String> spellings(String path, String last) {
		int slash = path.lastIndexOf('/', path.length() - last.length() - 2);
		String head = path.substring(0, Math.max(0, slash));
		String tail = path.substring(Math.max(0, slash));
		char first = tail.charAt(1);
		return List.of(path, head + "/%" + Integer.toHexString(first) + tail.substring(2), "/" + path,
				head + "/." + tail, head + "/x/.." + tail, path.replace(last, last + ";x=1"), head + "/;x=1" + tail,
				path.replaceFirst("/([a-z_]+)/" + last, "/$1;x=1/" + last), path + "/", path + "%2F",
				path.replace(last, last.toUpperCase(Locale.ROOT)),
				path.replace(last, "%" + Integer.toHexString(last.charAt(0)) + last.substring(1)),
				path.replace(last, "%25" + last), path + "/../" + last);
	}

	private static void assertCapAndCodings(int port, String path) throws Exception {
		byte[] large = body(CAP);
		// The server itself refuses some.
		assertThat(post(port, path, large).status()).as(path).isIn(413, 400);
		int plain = post(port, path, body(10)).status();
		if (plain == 200) {
			assertThat(post(port, path, large).status()).as(path).isEqualTo(413);
		}
		byte[] coded = Zstd.compress(body(10));
		assertThat(post(port, path, coded, "Content-Encoding: zstd").status()).as(path).isEqualTo(plain);
		byte[] bomb = Zstd.compress(large);
		assertThat(bomb).hasSizeLessThan(CAP);
		assertThat(post(port, path, bomb, "Content-Encoding: zstd").status()).as(path)
			.isIn(413, (plain == 200) ? 413 : plain);
	}

	private static RawHttp.Response post(int port, String path, byte[] body, String... headers) throws Exception {
		List<String> all = new ArrayList<>(List.of(ARROW));
		all.addAll(List.of(headers));
		return RawHttp.exchange(port, "POST", path, body, all.toArray(String[]::new));
	}

	private static byte[] body(int size) {
		try (BufferAllocator allocator = new RootAllocator();
				VarBinaryVector vector = new VarBinaryVector(
						new Field("data", FieldType.notNullable(ArrowType.Binary.INSTANCE), null), allocator)) {
			vector.setSafe(0, new byte[size]);
			vector.setValueCount(1);
			return Loopback.bytes(AnnotatedBatch.of(VectorSchemaRoot.of(vector))
				.withMetadata(BatchMetadata.of(MetadataKeys.METHOD, "length").with(MetadataKeys.REQUEST_VERSION, "1")));
		}
	}

	/**
	 * The contract.
	 */
	@RpcService("ServedPaths")
	interface PathService {

		@RpcMethod("length")
		long length(byte[] data);

	}

	/**
	 * The application.
	 */
	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	@Import({ PathController.class, RowsController.class })
	static class Application {

		@Bean
		@Profile("ignore-case")
		WebMvcConfigurer ignoreCase() {
			return new WebMvcConfigurer() {

				@Override
				public void configurePathMatch(PathMatchConfigurer configurer) {
					PathPatternParser parser = new PathPatternParser();
					parser.setCaseSensitive(false);
					configurer.setPatternParser(parser);
				}

			};
		}

	}

	/**
	 * An RPC method.
	 */
	@RestController
	static class PathController implements PathService {

		@Override
		public long length(byte[] data) {
			return data.length;
		}

	}

	/**
	 * Ordinary handlers.
	 */
	@RestController
	static class RowsController {

		private final BufferAllocator allocator;

		RowsController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@PostMapping("/rows")
		int rows(@RequestBody VectorSchemaRoot root) {
			return root.getRowCount();
		}

		@GetMapping("/large")
		VectorSchemaRoot large() {
			BigIntVector vector = new BigIntVector("n", this.allocator);
			vector.allocateNew(500_000);
			vector.setValueCount(500_000);
			return VectorSchemaRoot.of(vector);
		}

	}

}
