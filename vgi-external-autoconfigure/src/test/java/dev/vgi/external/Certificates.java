package dev.vgi.external;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;

import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A certificate of this machine, which nobody else trusts.
 */
final class Certificates {

	static final String PASSWORD = "changeit";

	private Certificates() {
	}

	/**
	 * Create the files {@code keystore} and {@code truststore}, unless they are there.
	 * @param folder where to
	 * @return a context that trusts the certificate
	 * @throws Exception if this JDK has no {@code keytool}
	 */
	static SSLContext create(Path folder) throws Exception {
		Path keys = folder.resolve("keystore");
		Path trust = folder.resolve("truststore");
		if (!Files.exists(trust)) {
			generate(keys);
			KeyStore trusted = KeyStore.getInstance("PKCS12");
			trusted.load(null, null);
			trusted.setCertificateEntry("test", load(keys).getCertificate("test"));
			try (OutputStream out = Files.newOutputStream(trust)) {
				trusted.store(out, PASSWORD.toCharArray());
			}
		}
		TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		managers.init(load(trust));
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, managers.getTrustManagers(), null);
		return context;
	}

	private static void generate(Path keys) throws IOException, InterruptedException {
		Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
				"-genkeypair", "-alias", "test", "-keyalg", "EC", "-dname", "CN=localhost", "-ext",
				"san=dns:localhost,ip:127.0.0.1", "-storetype", "PKCS12", "-keystore", keys.toString(), "-storepass",
				PASSWORD)
			.redirectErrorStream(true)
			.start();
		String output = new String(keytool.getInputStream().readAllBytes());
		assertThat(keytool.waitFor()).as(output).isZero();
	}

	private static KeyStore load(Path file) throws IOException, GeneralSecurityException {
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(file)) {
			store.load(in, PASSWORD.toCharArray());
		}
		return store;
	}

}
