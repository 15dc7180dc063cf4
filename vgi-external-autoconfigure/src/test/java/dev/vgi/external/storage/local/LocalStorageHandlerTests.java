package dev.vgi.external.storage.local;

import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.storage.UploadUrl;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.util.FileSystemUtils;

import static org.assertj.core.api.Assertions.assertThat;

@SuppressWarnings("NullAway.Init")
class LocalStorageHandlerTests {

	private final HttpClient client = HttpClient.newHttpClient();

	@TempDir
	private Path folder;

	private HttpServer server;

	private LocalStorage storage;

	@BeforeEach
	void serve() throws Exception {
		this.server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		URI baseUrl = URI.create("http://127.0.0.1:" + this.server.getAddress().getPort());
		this.storage = new LocalStorage(LocalStorageSettings.of(this.folder), () -> baseUrl, Clock.systemUTC());
		this.server.createContext(LocalStorage.PATH, new LocalStorageHandler(this.storage));
		this.server.start();
	}

	@AfterEach
	void stop() {
		this.server.stop(0);
	}

	@Test
	void whatIsUploadedIsServed() throws Exception {
		UploadUrl pair = this.storage.generateUploadUrl(new Schema(List.of()));
		assertThat(send("GET", pair.downloadUrl(), "").statusCode()).isEqualTo(404);
		HttpResponse<String> stored = send("PUT", pair.uploadUrl(), "content");
		assertThat(stored.statusCode()).isEqualTo(204);
		HttpResponse<String> served = send("GET", pair.downloadUrl(), "");
		assertThat(served.statusCode()).isEqualTo(200);
		assertThat(served.body()).isEqualTo("content");
		assertThat(served.headers().firstValue("ETag")).isEqualTo(stored.headers().firstValue("ETag")).isNotEmpty();
		assertThat(served.headers().firstValue("Content-Encoding")).isEmpty();
		HttpResponse<String> head = send("HEAD", pair.downloadUrl(), "");
		assertThat(head.statusCode()).isEqualTo(200);
		assertThat(head.headers().firstValueAsLong("Content-Length")).hasValue(7);
		assertThat(send("PUT", pair.uploadUrl(), "content").statusCode()).isEqualTo(409);
	}

	@Test
	void everythingElseIsRefused() throws Exception {
		UploadUrl pair = this.storage.generateUploadUrl(new Schema(List.of()));
		String unsigned = pair.downloadUrl().toString().replaceAll("\\?.*", "");
		assertThat(send("GET", URI.create(unsigned), "").statusCode()).isEqualTo(403);
		assertThat(send("GET", pair.uploadUrl(), "").statusCode()).isEqualTo(403);
		assertThat(send("PUT", pair.downloadUrl(), "content").statusCode()).isEqualTo(403);
		assertThat(send("DELETE", pair.downloadUrl(), "").statusCode()).isEqualTo(405);
		assertThat(this.storage.storedBytes()).isZero();
	}

	@Test
	void folderThatIsGoneIsAnAnswerAndNotABrokenConnection() throws Exception {
		UploadUrl pair = this.storage.generateUploadUrl(new Schema(List.of()));
		FileSystemUtils.deleteRecursively(this.folder);
		Files.createFile(this.folder);
		assertThat(send("PUT", pair.uploadUrl(), "content").statusCode()).isEqualTo(502);
	}

	private HttpResponse<String> send(String method, URI url, String body) throws Exception {
		HttpRequest request = HttpRequest.newBuilder(url)
			.method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
			.build();
		return this.client.send(request, BodyHandlers.ofString());
	}

}
