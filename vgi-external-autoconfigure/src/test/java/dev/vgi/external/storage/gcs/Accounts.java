package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.List;
import java.util.Map;

import com.google.api.client.http.javanet.NetHttpTransport;
import com.google.auth.Credentials;
import com.google.auth.ServiceAccountSigner;
import com.google.auth.http.HttpTransportFactory;
import com.google.auth.oauth2.ServiceAccountCredentials;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.StorageOptions;

/**
 * Service accounts of tests and the clients that work on their behalf.
 */
final class Accounts {

	static final String EMAIL = "batches@project.iam.gserviceaccount.com";

	/** Making one takes a while. */
	static final KeyPair KEYS = keys();

	private Accounts() {
	}

	static KeyPair keys() {
		try {
			KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
			generator.initialize(2048);
			return generator.generateKeyPair();
		}
		catch (GeneralSecurityException ex) {
			throw new IllegalStateException(ex);
		}
	}

	static ServiceAccountCredentials credentials(GcsServer server, KeyPair keys) {
		return ServiceAccountCredentials.newBuilder()
			.setClientEmail(EMAIL)
			.setPrivateKey(keys.getPrivate())
			.setPrivateKeyId("key")
			.setTokenServerUri(server.tokenUrl())
			.build();
	}

	static Storage storage(Credentials credentials, URI host) {
		return StorageOptions.newBuilder()
			.setProjectId("project")
			.setCredentials(credentials)
			.setHost(host.toString())
			.build()
			.getService();
	}

	/**
	 * Let every request of the identity library go to the server, whatever host of Google
	 * it is for.
	 * @param server the server
	 * @return what the credentials of the library are made with
	 */
	static HttpTransportFactory redirectedTo(GcsServer server) {
		return () -> new NetHttpTransport.Builder()
			.setConnectionFactory(
					(url) -> (HttpURLConnection) server.url().resolve(url.getFile()).toURL().openConnection())
			.build();
	}

	/**
	 * Let whoever signs and gives tokens first be asked.
	 * @param server the server
	 * @param asking runs before each signature and token
	 * @return credentials that have no key to show
	 */
	static Credentials asking(GcsServer server, Runnable asking) {
		ServiceAccountCredentials account = credentials(server, KEYS);
		return new AskedCredentials(account,
				account.createScoped("https://www.googleapis.com/auth/devstorage.read_write"), asking);
	}

	/**
	 * Signs as IAM does: somewhere else.
	 */
	private static final class AskedCredentials extends Credentials implements ServiceAccountSigner {

		private static final long serialVersionUID = 1L;

		private final ServiceAccountCredentials account;

		private final Credentials scoped;

		private final transient Runnable asking;

		AskedCredentials(ServiceAccountCredentials account, Credentials scoped, Runnable asking) {
			this.account = account;
			this.scoped = scoped;
			this.asking = asking;
		}

		@Override
		public String getAccount() {
			return EMAIL;
		}

		@Override
		public byte[] sign(byte[] toSign) {
			this.asking.run();
			return this.account.sign(toSign);
		}

		@Override
		public String getAuthenticationType() {
			return this.scoped.getAuthenticationType();
		}

		@Override
		public Map<String, List<String>> getRequestMetadata(URI uri) throws IOException {
			this.asking.run();
			return this.scoped.getRequestMetadata(uri);
		}

		@Override
		public boolean hasRequestMetadata() {
			return true;
		}

		@Override
		public boolean hasRequestMetadataOnly() {
			return true;
		}

		@Override
		public void refresh() throws IOException {
			this.scoped.refresh();
		}

	}

}
