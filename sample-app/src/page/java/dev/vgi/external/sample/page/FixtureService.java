package dev.vgi.external.sample.page;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import org.springframework.boot.Banner;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.CsrfConfigurer;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/**
 * A service with the real page, which reads transfers that a test has made up: states
 * that are hard to bring about, and hostile texts.
 */
final class FixtureService implements AutoCloseable {

	private final ConfigurableApplicationContext context;

	private final Transfers transfers;

	FixtureService() {
		this.context = new SpringApplicationBuilder(Application.class).bannerMode(Banner.Mode.OFF)
			.run("--server.port=0", "--spring.config.location=optional:classpath:/none/", "--logging.level.root=warn",
					"--vgi.external.storage=none", "--spring.application.name=flights",
					"--management.endpoints.web.exposure.include=vgiexternalpage");
		this.transfers = this.context.getBean(Transfers.class);
	}

	URI page(String fragment) {
		return URI.create("http://localhost:" + this.context.getEnvironment().getProperty("local.server.port")
				+ "/actuator/vgiexternalpage" + fragment);
	}

	Transfers transfers() {
		return this.transfers;
	}

	@Override
	public void close() {
		this.context.close();
	}

	/**
	 * Answers as the endpoint {@code vgiexternal} does.
	 */
	@RestController
	static class Transfers {

		private volatile ObjectNode overview = read("overview");

		private volatile JsonNode timelines = read("timelines");

		volatile HttpStatus reading = HttpStatus.OK;

		volatile HttpStatus ending = HttpStatus.NO_CONTENT;

		final List<String> ended = new CopyOnWriteArrayList<>();

		final List<Long> readAt = new CopyOnWriteArrayList<>();

		/**
		 * Start over with what is in the files.
		 */
		void reset() {
			this.overview = read("overview");
			this.timelines = read("timelines");
			this.reading = HttpStatus.OK;
			this.ending = HttpStatus.NO_CONTENT;
			this.ended.clear();
			this.readAt.clear();
		}

		/**
		 * Move a transfer.
		 * @param from the list it is in
		 * @param at its place there
		 * @param to the list it moves to the head of
		 */
		void move(String from, int at, String to) {
			ObjectNode changed = this.overview.deepCopy();
			ObjectNode transfer = (ObjectNode) changed.withArray(from).remove(at);
			transfer.put("state", to);
			changed.withArray(to).insert(0, transfer);
			this.overview = changed;
		}

		/**
		 * Let a transfer have had more requests.
		 * @param list the list it is in
		 * @param at its place there
		 * @param times how often each request is there
		 */
		void repeat(String list, int at, int times) {
			ObjectNode changed = (ObjectNode) this.timelines.deepCopy();
			ArrayNode requests = ((ObjectNode) changed.get(id(list, at))).withArray("requests");
			List<JsonNode> originals = requests.valueStream().toList();
			for (int time = 1; time < times; time++) {
				for (JsonNode original : originals) {
					ObjectNode request = (ObjectNode) original.deepCopy();
					request.put("index", original.get("index").asInt() + 100 * time);
					requests.add(request);
				}
			}
			this.timelines = changed;
		}

		String id(String list, int at) {
			return this.overview.get(list).get(at).get("id").asString();
		}

		@GetMapping("/actuator/vgiexternal")
		ResponseEntity<JsonNode> overview() {
			this.readAt.add(System.nanoTime());
			return ResponseEntity.status(this.reading).body(this.overview);
		}

		@GetMapping("/actuator/vgiexternal/{id}")
		ResponseEntity<JsonNode> transfer(@PathVariable String id) {
			for (String list : List.of("running", "failed", "finished")) {
				for (JsonNode transfer : this.overview.get(list)) {
					if (transfer.get("id").asString().equals(id)) {
						ObjectNode whole = (ObjectNode) transfer.deepCopy();
						whole.putArray("requests");
						whole.putArray("events");
						whole.put("dropped", 0);
						return ResponseEntity
							.ok(this.timelines.has(id) ? whole.setAll((ObjectNode) this.timelines.get(id)) : whole);
					}
				}
			}
			return ResponseEntity.notFound().build();
		}

		@DeleteMapping("/actuator/vgiexternal/{id}")
		ResponseEntity<Void> end(@PathVariable String id) {
			if (this.ending.is2xxSuccessful()) {
				this.ended.add(id);
			}
			return ResponseEntity.status(this.ending).build();
		}

		private static ObjectNode read(String name) {
			try (InputStream file = FixtureService.class.getResourceAsStream("/fixture/" + name + ".json")) {
				return (ObjectNode) JsonMapper.shared().readTree(Objects.requireNonNull(file, name));
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}

	}

	@EnableAutoConfiguration
	static class Application {

		@Bean
		SecurityFilterChain open(HttpSecurity http) {
			return http.csrf(CsrfConfigurer::disable).build();
		}

		@Bean
		Transfers transfers() {
			return new Transfers();
		}

	}

}
