package dev.vgi.external.web.server;

import java.util.LinkedHashMap;
import java.util.Map;

import org.springframework.web.bind.annotation.ResponseBody;

/**
 * Answers the protocol's health route: peers ask it for the capability headers. Says
 * nothing about the storage; Actuator does.
 */
public final class HealthController {

	private final Map<String, String> health = new LinkedHashMap<>();

	/**
	 * Create a controller.
	 * @param serverId identifier of this process, 12 hexadecimal digits
	 * @param protocol name of the hosted protocol, the first of several
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
	@ResponseBody
	public Map<String, String> health() {
		return this.health;
	}

}
