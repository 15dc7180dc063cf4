package dev.vgi.external.web.server;

import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.Internal;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.ResponseBody;

/**
 * Answers the protocol's health route, from which peers read the capability headers. Does
 * not report on the storage; Actuator does.
 */
@Internal
public final class HealthController {

	private final Map<String, String> health = new LinkedHashMap<>();

	/**
	 * Create a controller.
	 * @param serverId identifier of this process, 12 hexadecimal digits
	 * @param protocol name of the hosted protocol, or of the first one if there are
	 * several
	 */
	public HealthController(String serverId, String protocol) {
		this.health.put("status", "ok");
		this.health.put("server_id", serverId);
		this.health.put("protocol", protocol);
	}

	/**
	 * Answer GET and HEAD.
	 * @return the JSON object
	 */
	@GetMapping("/health")
	@ResponseBody
	public Map<String, String> health() {
		return this.health;
	}

}
