package dev.vgi.external;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

import dev.vgi.external.transport.FaultServer;
import dev.vgi.external.transport.FaultServer.Reply;
import dev.vgi.external.transport.FaultServer.Request;

/**
 * A bucket that breaks as told, and answers Google's SDK as far as it has to ask before
 * it fails.
 */
final class SecretsBucket implements FaultServer.Handler {

	static final List<String> FAULTS = List.of("down", "refuse", "reset", "lie", "redirect", "truncate");

	private final Map<String, byte[]> objects = new ConcurrentHashMap<>();

	private volatile String fault = "";

	void fail(String fault) {
		this.fault = fault;
	}

	@Override
	public void handle(Request request, Reply reply) throws Exception {
		String path = request.target().replaceAll("\\?.*", "");
		if (path.equals("/token")) {
			request.body();
			text(reply, 200, "application/json", "{\"access_token\": \"" + SecretsScenario.ACCESS_TOKEN
					+ "\", \"expires_in\": 3600, \"token_type\": \"Bearer\"}");
			return;
		}
		boolean refusesUploads = Set.of("down", "refuse").contains(this.fault);
		switch (("PUT".equals(request.method()) && !refusesUploads) ? "" : this.fault) {
			case "down" -> {
				request.body();
				reply.empty(500);
			}
			case "refuse" -> {
				request.body();
				text(reply, 403, "application/xml", "<Error><Message>" + request.target() + "</Message></Error>");
			}
			case "reset" -> reply.reset();
			case "lie" -> reply.object("no Arrow".getBytes(StandardCharsets.UTF_8));
			case "redirect" ->
				reply.empty(302, "Location: https://elsewhere.example/x?X-Amz-Signature=" + SecretsScenario.FOREIGN);
			case "truncate" -> {
				reply.head(200, "Content-Length: 1000");
				reply.raw(new byte[10]);
				reply.hangUp();
			}
			default -> store(request, reply, path);
		}
	}

	private static void text(Reply reply, int status, String type, String text) throws Exception {
		byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
		reply.head(status, "Content-Type: " + type, "Content-Length: " + bytes.length);
		reply.raw(bytes);
	}

	private void store(Request request, Reply reply, String path) throws Exception {
		if ("PUT".equals(request.method())) {
			this.objects.put(path, request.body());
			reply.empty(200, "ETag: \"v1\"");
			return;
		}
		if ("POST".equals(request.method())) {
			request.body();
			reply.empty(201, "Location: http://localhost:1" + path + "?upload_id=" + SecretsScenario.SESSION_ID);
			return;
		}
		byte[] content = this.objects.get(path);
		if (content != null) {
			reply.object(content);
		}
		else {
			reply.empty(404);
		}
	}

}
