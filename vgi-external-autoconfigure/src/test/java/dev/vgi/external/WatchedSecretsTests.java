package dev.vgi.external;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.sun.net.httpserver.HttpServer;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedObject;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Looks for secrets in what others show of a process that they watch: the OpenTelemetry
 * agent with all that it can record, the flight recorder, all loggers at their finest
 * level in Boot's structured formats, and JMX. What is found is exactly what
 * {@code docs/secrets.md} lists. See {@link SecretsProcess} for what the process does.
 */
class WatchedSecretsTests {

	private static final JsonMapper JSON = JsonMapper.shared();

	@TempDir
	private static Path folder;

	private static @Nullable Path agent;

	private static List<String> secrets = List.of();

	private static final List<Received> received = new CopyOnWriteArrayList<>();

	@BeforeAll
	@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
	static void run() throws Exception {
		agent = agent();
		// Nobody waits for compilers and collectors of a process that lives for seconds.
		List<String> command = new ArrayList<>(
				List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:TieredStopAtLevel=1",
						"-XX:+UseSerialGC"));
		if (agent != null) {
			command.add("-javaagent:" + agent);
		}
		// As text where it matters which attribute it is. Standard output takes one
		// signal.
		HttpServer receiver = receiver();
		command.addAll(List.of("-Dotel.traces.exporter=experimental-otlp/stdout", "-Dotel.metrics.exporter=otlp",
				"-Dotel.logs.exporter=otlp", "-Dotel.exporter.otlp.protocol=http/protobuf",
				"-Dotel.exporter.otlp.endpoint=http://127.0.0.1:" + receiver.getAddress().getPort()));
		for (String queue : List.of("blrp", "bsp")) {
			command.add("-Dotel." + queue + ".max.queue.size=200000");
		}
		for (String recorded : List.of("http.client.emit-experimental-telemetry",
				"http.server.emit-experimental-telemetry", "common.controller-telemetry.enabled",
				"common.view-telemetry.enabled", "aws-sdk.experimental-span-attributes",
				"logback-appender.experimental-log-attributes")) {
			command.add("-Dotel.instrumentation." + recorded + "=true");
		}
		command.addAll(List.of("-Dotel.instrumentation.http.server.capture-request-headers=Referer",
				"-Dotel.instrumentation.http.server.capture-response-headers=Location",
				"-Dotel.instrumentation.logback-appender.experimental.mdc-attributes.included=*",
				"-Dotel.instrumentation.common.logging.structured-attributes.included=*",
				"-Djdk.internal.httpclient.debug=true", "-Djdk.httpclient.HttpClient.log=all",
				"-Dspring.main.banner-mode=off", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Xmx1g",
				// As careless as can be.
				"-Dvgi.external.http.proxy.password=" + SecretsScenario.PASSWORD, "-cp",
				System.getProperty("java.class.path"), SecretsProcess.class.getName(), folder.toString(),
				"--vgi.rpc.token-keys=" + SecretsScenario.TOKEN_KEY));
		ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(folder.resolve("output.txt").toFile())
			.redirectError(folder.resolve("errors.txt").toFile());
		builder.environment().put("AWS_SECRET_ACCESS_KEY", SecretsScenario.SECRET_KEY);
		builder.environment()
			.put("SPRING_APPLICATION_JSON", "{\"vgi\": {\"external\": {\"http\": {\"proxy\": {\"username\": \"user\","
					+ " \"password\": \"" + SecretsScenario.PASSWORD + "\"}}}}}");
		Process process = builder.start();
		try {
			assertThat(process.waitFor()).as(() -> String.join("\n", lines("errors.txt"))).isZero();
		}
		finally {
			process.destroyForcibly();
			receiver.stop(0);
		}
		secrets = lines("secrets.txt");
		assertThat(secrets).hasSizeGreaterThan(50);
	}

	/** Takes what the agent exports. */
	private static HttpServer receiver() throws IOException {
		HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
		server.createContext("/", (exchange) -> {
			String signal = exchange.getRequestURI().getPath().endsWith("/logs") ? "log" : "metric";
			received.add(new Received(signal, exchange.getRequestBody().readAllBytes()));
			exchange.sendResponseHeaders(200, -1);
			exchange.close();
		});
		server.start();
		return server;
	}

	/** Maven has copied it; whoever runs this class otherwise may have none. */
	private static @Nullable Path agent() throws IOException {
		Path jars = Path.of("target/agent");
		if (!Files.isDirectory(jars)) {
			return null;
		}
		try (Stream<Path> files = Files.list(jars)) {
			return files.findFirst().map(Path::toAbsolutePath).orElse(null);
		}
	}

	@Test
	void ownTexts() {
		assertThat(lines("shown.txt")).isNotEmpty().noneMatch(WatchedSecretsTests::isSecret);
	}

	@Test
	void loggersInStructuredFormats() {
		Map<String, String> found = new TreeMap<>();
		Map.of("ecs", "/log/logger", "logstash", "/logger_name", "gelf", "/_log_logger").forEach((format, name) -> {
			assertThat(lines(format + ".log")).hasSizeGreaterThan(1000);
			lines(format + ".log").stream()
				.filter(WatchedSecretsTests::isSecret)
				.forEach((line) -> found.putIfAbsent(row(JSON.readTree(line).at(name).asString()), line));
		});
		assertExactly(found, "Logger");
	}

	/** Jetty's loggers are many, and which of them speak depends on threads. */
	private static String row(String logger) {
		return logger.startsWith("org.eclipse.jetty.") ? "org.eclipse.jetty.*" : logger;
	}

	@Test
	void flightRecording() throws Exception {
		Map<String, String> found = new TreeMap<>();
		try (RecordingFile events = new RecordingFile(folder.resolve("flight.jfr"))) {
			int count = 0;
			while (events.hasMoreEvents()) {
				RecordedEvent event = events.readEvent();
				strings(event, (field, text) -> {
					if (isSecret(text)) {
						found.putIfAbsent(event.getEventType().getName() + " " + field, text);
					}
				});
				count++;
			}
			assertThat(count).isGreaterThan(1000);
		}
		assertExactly(found, "Event and field");
	}

	private static void strings(RecordedObject object, BiConsumer<String, String> reader) {
		for (ValueDescriptor field : object.getFields()) {
			Object value = object.getValue(field.getName());
			if (value instanceof String text) {
				reader.accept(field.getName(), text);
			}
			else if (value instanceof RecordedObject inner) {
				strings(inner, (name, text) -> reader.accept(field.getName() + "." + name, text));
			}
		}
	}

	@Test
	void beans() {
		assertExactly(found("beans.txt"), "MBean and attribute");
	}

	@Test
	void observations() {
		assertExactly(found("observations.txt"), "Observation and key");
	}

	@Test
	void output() {
		assertThat(lines("errors.txt")).filteredOn(WatchedSecretsTests::isSecret)
			.isNotEmpty()
			// Said to be there with jdk.internal.httpclient.debug.
			.allMatch((line) -> line.startsWith("DEBUG: ["));
		assertThat(lines("output.txt")).allMatch((line) -> line.startsWith("{\"resourceSpans"));
	}

	@Test
	void openTelemetryAgent() throws IOException {
		assumeTrue(agent != null, "No agent in target/agent, where Maven copies it");
		Map<String, String> found = new TreeMap<>();
		Set<String> scopes = new TreeSet<>();
		List<String> urls = new ArrayList<>();
		for (String line : lines("output.txt")) {
			JsonNode exported = JSON.readTree(line);
			exported.findValues("resource").forEach((resource) -> search("resource", resource, found));
			exported.findValues("scope").forEach((scope) -> scopes.add(scope.path("name").asString("")));
			exported.findValues("spans").stream().flatMap(JsonNode::valueStream).forEach((span) -> {
				search("span", span, found);
				span.path("attributes")
					.valueStream()
					.filter((attribute) -> attribute.path("key").asString().equals("url.full"))
					.forEach((attribute) -> urls.add(attribute.at("/value/stringValue").asString()));
			});
		}
		assertThat(received).extracting(Received::signal).contains("log", "metric");
		for (Received batch : received) {
			batch.search(found);
		}
		assertThat(scopes).contains("io.opentelemetry.tomcat-10.0", "io.opentelemetry.aws-sdk-2.2",
				"io.opentelemetry.apache-httpclient-5.0", "io.opentelemetry.java-http-client",
				"io.opentelemetry.http-url-connection");
		// Storage traffic is seen by none of these.
		assertThat(urls).anyMatch((url) -> url.endsWith("?X-Amz-Security-Token=REDACTED&X-Amz-Signature=REDACTED"))
			.anyMatch((url) -> url.endsWith("?X-Goog-Signature=REDACTED"))
			.anyMatch((url) -> url.contains("/_vgi/objects/") && url.endsWith("&Signature=REDACTED"))
			.noneMatch((url) -> url.contains("/our-bucket/vgi-rpc/"));
		// An exemplar has the attributes of a span, if it is not displaced by the next.
		found.entrySet()
			.removeIf(
					(entry) -> entry.getKey().startsWith("metric ") && (entry.getValue().contains("http.request.header")
							|| entry.getValue().contains("http.response.header")));
		Set<String> loggers = SecretsPage.rows("Logger");
		found.keySet().removeIf((name) -> name.startsWith("log ") && loggers.contains(row(name.substring(4))));
		assertExactly(found, "Signal and attribute");
	}

	/** Look at attributes one by one, and at the rest as a whole. */
	private static void search(String signal, JsonNode node, Map<String, String> found) {
		for (JsonNode attribute : node.path("attributes")) {
			if (isSecret(attribute.toString())) {
				found.putIfAbsent(signal + " " + attribute.path("key").asString(), attribute.toString());
			}
		}
		for (JsonNode event : node.path("events")) {
			search(signal + " event", event, found);
		}
		node.properties().forEach((property) -> {
			if (!Set.of("attributes", "events").contains(property.getKey())
					&& isSecret(property.getValue().toString())) {
				found.putIfAbsent(signal + " " + property.getKey(), property.getValue().toString());
			}
		});
	}

	/** Find lines, and what their first two words name. */
	private static Map<String, String> found(String file) {
		Map<String, String> found = new TreeMap<>();
		List<String> lines = lines(file);
		assertThat(lines).isNotEmpty();
		for (String line : lines) {
			if (isSecret(line)) {
				String[] words = line.split(" ", 3);
				found.putIfAbsent(words[0] + " " + words[1], line);
			}
		}
		return found;
	}

	private static void assertExactly(Map<String, String> found, String table) {
		assertThat(found.keySet()).as(found::toString).isEqualTo(SecretsPage.rows(table));
	}

	private static boolean isSecret(String text) {
		return secrets.stream().anyMatch(text::contains);
	}

	private static List<String> lines(String file) {
		try (Stream<String> lines = Files.lines(Objects.requireNonNull(folder).resolve(file))) {
			return lines.toList();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	/**
	 * A batch of logs or metrics, in the bytes of OTLP.
	 *
	 * @param signal what it is
	 * @param body the request's body
	 */
	private record Received(String signal, byte[] body) {

		void search(Map<String, String> found) throws IOException {
			for (ByteString resource : UnknownFieldSet.parseFrom(this.body).getField(1).getLengthDelimitedList()) {
				for (ByteString scope : UnknownFieldSet.parseFrom(resource).getField(2).getLengthDelimitedList()) {
					UnknownFieldSet fields = UnknownFieldSet.parseFrom(scope);
					String name = UnknownFieldSet.parseFrom(fields.getField(1).getLengthDelimitedList().get(0))
						.getField(1)
						.getLengthDelimitedList()
						.get(0)
						.toStringUtf8();
					for (ByteString item : fields.getField(2).getLengthDelimitedList()) {
						if (isSecret(item.toStringUtf8())) {
							found.putIfAbsent(this.signal + " " + name, item.toStringUtf8());
						}
					}
				}
			}
		}

	}

}
