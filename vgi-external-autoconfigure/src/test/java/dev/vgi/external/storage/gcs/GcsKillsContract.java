package dev.vgi.external.storage.gcs;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

import com.google.cloud.storage.Storage;
import dev.vgi.external.VgiExternalException.Kind;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StorageKillsContract;
import dev.vgi.external.transfer.TransferResources;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A fake-gcs-server on a folder that is killed, whose executable is that of the system
 * property {@code vgi.test.kills.fake-gcs-server}.
 */
@SuppressWarnings("NullAway.Init")
class GcsKillsContract extends StorageKillsContract {

	private static final HttpClient HTTP = HttpClient.newHttpClient();

	private GcsServer identities;

	private Storage client;

	private URI server;

	@Override
	protected List<String> command(int port, Path folder) {
		return List.of(System.getProperty("vgi.test.kills.fake-gcs-server"), "-scheme", "http", "-host", "127.0.0.1",
				"-port", Integer.toString(port), "-public-host", "127.0.0.1", "-backend", "filesystem",
				"-filesystem-root", folder.resolve("objects").toString(), "-log-level", "warn");
	}

	@Override
	protected ExternalStorage create(URI server, Path folder, TransferResources resources, Runnable asked,
			Duration timeout) throws Exception {
		this.server = server;
		this.identities = new GcsServer();
		this.identities.account(Accounts.EMAIL, Accounts.KEYS);
		HTTP.send(HttpRequest.newBuilder(server.resolve("/storage/v1/b?project=project"))
			.header("Content-Type", "application/json")
			.POST(BodyPublishers.ofString("{\"name\": \"batches\"}"))
			.build(), BodyHandlers.discarding());
		this.client = Accounts.storage(Accounts.asking(this.identities, asked), server);
		return new GcsStorage(this.client, resources.transport(), resources.threads(),
				GcsStorageSettings.of("batches").withPartSize(1 << 20).withTimeout(timeout), Clock.systemUTC());
	}

	@Override
	protected Set<String> contents() throws Exception {
		Set<String> names = new TreeSet<>();
		JsonNode items = JsonMapper.shared()
			.readTree(HTTP
				.send(HttpRequest.newBuilder(this.server.resolve("/storage/v1/b/batches/o")).build(),
						BodyHandlers.ofString())
				.body())
			.get("items");
		if (items != null) {
			items.forEach((item) -> names.add(lastSegment(item.get("name").asString())));
		}
		return names;
	}

	@Override
	protected void free() throws Exception {
		this.client.close();
		this.identities.close();
	}

	@Override
	protected int multipartSize() {
		return 7_500_000;
	}

	@Override
	protected Set<Kind> furtherKinds() {
		// The emulator forgets its sessions, which Google does not.
		return Set.of(Kind.UPLOAD_REFUSED);
	}

}
