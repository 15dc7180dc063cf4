package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.context.annotation.ImportCandidates;
import org.springframework.boot.http.client.ClientHttpRequestFactoryBuilder;
import org.springframework.boot.restclient.RestTemplateBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.http.MediaType;
import org.springframework.http.converter.HttpMessageConverter;
import org.springframework.scheduling.annotation.Async;
import org.springframework.scheduling.annotation.EnableAsync;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;
import org.springframework.web.multipart.MultipartFile;
import org.springframework.web.servlet.function.RequestPredicates;
import org.springframework.web.servlet.function.RouterFunction;
import org.springframework.web.servlet.function.RouterFunctions;
import org.springframework.web.servlet.function.ServerResponse;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;
import org.springframework.web.servlet.mvc.method.annotation.StreamingResponseBody;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * One application with and without the starter's auto-configurations: nothing of its own
 * differs. What only the class path shows is a test of the sample.
 */
class WithAndWithoutTests {

	/** Of the moment and not of the application. */
	private static final Set<String> OF_THE_MOMENT = Set.of("date", "last-modified");

	private static ConfigurableApplicationContext with;

	private static ConfigurableApplicationContext without;

	@TempDir
	private static Path work;

	@BeforeAll
	static void start() throws Exception {
		Path files = Files.createDirectories(work.resolve("files").resolve("assets"));
		Files.writeString(files.resolve("page.txt"), "0123456789".repeat(500));
		with = run("");
		without = run(String.join(",",
				ImportCandidates.load(AutoConfiguration.class, null)
					.getCandidates()
					.stream()
					.filter((name) -> name.startsWith("dev.vgi."))
					.toList()));
	}

	private static ConfigurableApplicationContext run(String excluded) {
		return SpringApplication.run(Application.class, "--server.port=0", "--spring.autoconfigure.exclude=" + excluded,
				"--spring.web.resources.static-locations=" + work.resolve("files").toUri(),
				"--spring.web.resources.cache.cachecontrol.max-age=1h", "--server.compression.enabled=true",
				"--server.compression.min-response-size=1KB", "--spring.web.error.include-message=always",
				"--vgi.external.local.directory=" + work.resolve("store"));
	}

	@AfterAll
	static void stop() {
		with.close();
		without.close();
	}

	@ParameterizedTest
	@CsvSource({ "GET, /json,", "HEAD, /json,", "OPTIONS, /json,", "POST, /json, {\"name\":\"a\"}", "POST, /json, {",
			"PUT, /json, {}", "GET, /text,", "GET, /text?big=true,", "GET, /events,", "GET, /streamed,",
			"GET, /callable,", "GET, /future,", "GET, /fails,", "GET, /circles,", "GET, /no/such/route,",
			"GET, /assets/page.txt,", "HEAD, /assets/page.txt,", "OPTIONS, /assets/page.txt,", "GET, /health,",
			"GET, /anything,", "GET, /async,", "GET, /actuator/health/liveness," })
	void answersAreTheSame(String method, String path, String body) throws Exception {
		assertSame(path,
				(request) -> request
					.method(method, (body != null) ? BodyPublishers.ofString(body) : BodyPublishers.noBody())
					.header("Content-Type", (body != null) ? "application/json" : "text/plain"));
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|',
			value = { "/assets/page.txt|Range|bytes=10-19", "/assets/page.txt|Range|bytes=0-4,10-14",
					"/assets/page.txt|Range|bytes=9999-", "/text?big=true|Accept-Encoding|gzip",
					"/assets/page.txt|Accept-Encoding|gzip", "/text?big=true|Accept-Encoding|gzip;q=0",
					"/text?big=true|Accept-Encoding|zstd, gzip", "/text?big=true|X-VGI-Accept-Encoding|zstd",
					"/streamed|Accept-Encoding|gzip", "/events|Accept-Encoding|gzip", "/fails|Accept|text/html",
					"/no/such/route|Accept|text/html", "/json|Accept|application/xml",
					"/json|Accept|application/vnd.apache.arrow.stream", "/json|Origin|https://elsewhere.example" })
	void answersToHeadersAreTheSame(String path, String header, String value) throws Exception {
		assertSame(path, (request) -> request.header(header, value));
	}

	@Test
	void formsAndUploadsAreTheSame() throws Exception {
		assertSame("/form", (request) -> request.header("Content-Type", "application/x-www-form-urlencoded")
			.POST(BodyPublishers.ofString("name=a&name=b")));
		String upload = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n"
				+ "Content-Type: text/plain\r\n\r\n" + "abc".repeat(1000) + "\r\n--x--\r\n";
		assertSame("/upload", (request) -> request.header("Content-Type", "multipart/form-data; boundary=x")
			.POST(BodyPublishers.ofString(upload)));
	}

	private static void assertSame(String path, Call call) throws Exception {
		assertThat(answer(with, path, call)).isEqualTo(answer(without, path, call));
	}

	private static Map<String, Object> answer(ConfigurableApplicationContext context, String path, Call call)
			throws Exception {
		String port = context.getEnvironment().getProperty("local.server.port");
		HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
			.timeout(Duration.ofSeconds(20));
		HttpResponse<byte[]> response = HttpClient.newHttpClient()
			.send(call.of(request).build(), BodyHandlers.ofByteArray());
		String type = response.headers().firstValue("Content-Type").orElse("");
		// Chosen at random, of a random length.
		String boundary = type.contains("boundary=") ? type.substring(type.indexOf("boundary=") + 9) : "no boundary";
		Map<String, Object> answer = new TreeMap<>();
		answer.put("status", response.statusCode());
		response.headers().map().forEach((name, values) -> {
			if (!OF_THE_MOMENT.contains(name) && !(name.equals("content-length") && type.contains("boundary="))) {
				answer.put("header " + name, values.toString().replace(boundary, "boundary"));
			}
		});
		// A compressed stream may be cut elsewhere.
		if (response.headers().firstValue("Content-Encoding").isEmpty()) {
			String body = new String(response.body(), StandardCharsets.UTF_8);
			answer.put("body", body.replace(boundary, "boundary")
				.replaceAll("(?<=timestamp\":\")[^\"]*|(?<=created on )[^<]*|(?<=<div id='created'>)[^<]*", ""));
		}
		return answer;
	}

	@Test
	void clientsAreTheSame() {
		assertThat(clients(with)).isEqualTo(clients(without));
		// By hand, since nobody shows its engine: both come from this bean.
		assertThat(with.getBean(ClientHttpRequestFactoryBuilder.class))
			.hasSameClassAs(without.getBean(ClientHttpRequestFactoryBuilder.class));
		assertThat(json(with)).isEqualTo(json(without));
	}

	private static List<String> clients(ConfigurableApplicationContext context) {
		var template = context.getBean(RestTemplateBuilder.class).build();
		List<String> seen = new ArrayList<>(foreign(template.getMessageConverters().stream()));
		seen.add(template.getRequestFactory().getClass().getName());
		seen.add(template.getInterceptors().toString());
		context.getBean(RestClient.Builder.class)
			.configureMessageConverters(
					(converters) -> converters.configureMessageConverters((converter) -> seen.add(name(converter))));
		return foreign(seen.stream());
	}

	private static String json(ConfigurableApplicationContext context) {
		String port = context.getEnvironment().getProperty("local.server.port");
		return String.valueOf(context.getBean(RestClient.Builder.class)
			.build()
			.get()
			.uri("http://127.0.0.1:" + port + "/json")
			.retrieve()
			.body(Named.class));
	}

	@Test
	void convertersAndMappersAreTheSame() {
		assertThat(converters(with)).isEqualTo(converters(without));
		assertThat(mapper(with)).isEqualTo(mapper(without));
	}

	private static List<String> converters(ConfigurableApplicationContext context) {
		RequestMappingHandlerAdapter adapter = context.getBean(RequestMappingHandlerAdapter.class);
		return foreign(adapter.getMessageConverters().stream());
	}

	private static String mapper(ConfigurableApplicationContext context) {
		JsonMapper mapper = context.getBean(JsonMapper.class);
		return Arrays.toString(context.getBeanNamesForType(JsonMapper.class))
				// Ours refuses Arrow types and knows no other.
				+ foreign(mapper.registeredModules().stream().map((module) -> module.getClass().getName()))
				+ mapper.writeValueAsString(Map.of("day", LocalDate.EPOCH));
	}

	private static List<String> foreign(Stream<?> objects) {
		return objects.map((object) -> (object instanceof String text) ? text : name(object))
			.filter((name) -> !name.startsWith("dev.vgi."))
			.toList();
	}

	private static String name(Object object) {
		return (object instanceof HttpMessageConverter<?> converter)
				? converter.getClass().getName() + converter.getSupportedMediaTypes() : String.valueOf(object);
	}

	@Test
	void executorsAreTheSame() {
		assertThat(executors(with)).isEqualTo(executors(without));
	}

	private static List<String> executors(ConfigurableApplicationContext context) {
		return context.getBean(Worker.class)
			.executors()
			.stream()
			.map((executor) -> executor.getClass().getName())
			.toList();
	}

	private static String threadName() {
		return Thread.currentThread().getName().replaceAll("[0-9]+", "");
	}

	private interface Call {

		HttpRequest.Builder of(HttpRequest.Builder request);

	}

	@Configuration(proxyBeanMethods = false)
	@EnableAsync
	@EnableAutoConfiguration(excludeName = {
			"org.springframework.boot.security.autoconfigure.web.servlet.ServletWebSecurityAutoConfiguration",
			"org.springframework.boot.security.autoconfigure.web.servlet.SecurityFilterAutoConfiguration",
			"org.springframework.boot.security.autoconfigure.actuate.web.servlet.ManagementWebSecurityAutoConfiguration" })
	@Import({ Routes.class, Worker.class })
	static class Application {

		@Bean
		RouterFunction<ServerResponse> circles() {
			return RouterFunctions.route(RequestPredicates.GET("/circles"), (request) -> {
				IllegalStateException failure = new IllegalStateException("it was the other one");
				failure.initCause(new IllegalStateException("it was the first one", failure));
				throw failure;
			});
		}

	}

	record Named(String name, LocalDate day) {

	}

	static class Worker {

		private final List<Executor> executors;

		Worker(List<Executor> executors) {
			this.executors = executors;
		}

		List<Executor> executors() {
			return this.executors;
		}

		@Async
		CompletableFuture<String> thread() {
			return CompletableFuture.completedFuture(threadName());
		}

	}

	@RestController
	static class Routes {

		private final Worker worker;

		Routes(Worker worker) {
			this.worker = worker;
		}

		@GetMapping("/json")
		Named json() {
			return new Named("a", LocalDate.EPOCH);
		}

		@PostMapping("/json")
		Named echo(@RequestBody Named named) {
			return named;
		}

		@GetMapping("/text")
		String text(@RequestParam(defaultValue = "false") boolean big) {
			return big ? "text ".repeat(1000) : "text";
		}

		@GetMapping("/events")
		SseEmitter events() throws IOException {
			SseEmitter emitter = new SseEmitter();
			emitter.send(SseEmitter.event().id("1").data(json()));
			emitter.send("two");
			emitter.complete();
			return emitter;
		}

		@GetMapping(path = "/streamed", produces = MediaType.TEXT_PLAIN_VALUE)
		StreamingResponseBody streamed() {
			return (stream) -> {
				for (int i = 0; i < 100; i++) {
					stream.write("0123456789".repeat(20).getBytes(StandardCharsets.UTF_8));
					stream.flush();
				}
			};
		}

		@GetMapping("/callable")
		Callable<String> callable() {
			return WithAndWithoutTests::threadName;
		}

		@GetMapping("/future")
		CompletableFuture<Named> future() {
			return CompletableFuture.completedFuture(json());
		}

		@GetMapping("/async")
		String async() {
			return this.worker.thread().join();
		}

		@GetMapping("/fails")
		String fails() {
			throw new IllegalStateException("it does");
		}

		@GetMapping("/{page}")
		String page(@PathVariable String page) {
			return "page " + page;
		}

		@PostMapping("/form")
		List<String> form(@RequestParam List<String> name) {
			return name;
		}

		@PostMapping("/upload")
		String upload(@RequestParam MultipartFile file) throws IOException {
			return file.getOriginalFilename() + " " + file.getSize() + " " + file.getBytes().length;
		}

	}

}
