package dev.vgi.external.benchmark;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;

import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * A {@link StorageServer} in a process of its own, over a folder that goes with it.
 */
final class StorageProcess implements AutoCloseable {

	/** 60 MB/s a connection and 20 ms to the first byte. */
	static final String THROTTLED = "rate=60&ttfb=20";

	static final double FIRST_BYTE_SECONDS = 0.020;

	private final Path folder;

	private final JavaProcess process;

	private final int port;

	private final int securePort;

	StorageProcess() throws Exception {
		this.folder = Files.createTempDirectory("vgi-benchmark");
		Path java = Path.of(System.getProperty("java.home"), "bin");
		run(List.of(java.resolve("keytool").toString(), "-genkeypair", "-alias", "key", "-keyalg", "EC", "-dname",
				"CN=localhost", "-ext", "san=dns:localhost", "-validity", "30", "-storetype", "PKCS12", "-keystore",
				this.folder.resolve(StorageServer.KEYS).toString(), "-storepass", StorageServer.PASSWORD));
		this.process = new JavaProcess(StorageServer.class, List.of("-Xmx256m", "-XX:MaxDirectMemorySize=2g"),
				List.of(this.folder.toString()));
		String[] ports = this.process.answer().split(":");
		this.port = Integer.parseInt(ports[0]);
		this.securePort = Integer.parseInt(ports[1]);
	}

	private static void run(List<String> command) throws Exception {
		Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
		String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		if (process.waitFor() != 0) {
			throw new IllegalStateException(output);
		}
	}

	Path file(String name) {
		return this.folder.resolve(name);
	}

	URI url(String name, String query) {
		return URI.create("http://localhost:" + this.port + "/" + name + "?" + query);
	}

	URI secureUrl(String name, String query) {
		return URI.create("https://localhost:" + this.securePort + "/" + name + "?" + query);
	}

	/**
	 * Return how much was asked for.
	 * @return bytes of all ranges since the last call
	 * @throws IOException if the server is gone
	 */
	long asked() throws IOException {
		try (InputStream in = url("asked", "").toURL().openStream()) {
			return Long.parseLong(new String(in.readAllBytes(), StandardCharsets.US_ASCII));
		}
	}

	/**
	 * Forget the objects that were kept to be read.
	 * @throws IOException if the server is gone
	 */
	void forget() throws IOException {
		this.process.ask("forget");
	}

	double processorSeconds() {
		return this.process.processorSeconds();
	}

	SSLContext trust() throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(this.folder.resolve(StorageServer.KEYS))) {
			keys.load(in, StorageServer.PASSWORD.toCharArray());
		}
		KeyStore trusted = KeyStore.getInstance("PKCS12");
		trusted.load(null, null);
		trusted.setCertificateEntry("server", keys.getCertificate("key"));
		TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		managers.init(trusted);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, managers.getTrustManagers(), null);
		return context;
	}

	@Override
	public void close() throws Exception {
		this.process.close();
		try (var files = Files.list(this.folder)) {
			for (Path file : files.toList()) {
				Files.delete(file);
			}
		}
		Files.delete(this.folder);
	}

}
