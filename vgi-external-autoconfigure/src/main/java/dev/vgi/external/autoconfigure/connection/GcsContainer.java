package dev.vgi.external.autoconfigure.connection;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;

import com.google.api.client.http.ByteArrayContent;
import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.javanet.NetHttpTransport;
import com.google.auth.oauth2.ServiceAccountCredentials;
import com.google.cloud.storage.BucketInfo;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.StorageException;
import com.google.cloud.storage.StorageOptions;
import dev.vgi.external.Internal;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.url.RedactedUrl;

/**
 * What an emulator of Google Cloud Storage needs before it is used.
 */
@Internal
public final class GcsContainer {

	private static final String ANY_PROJECT = "vgi-external";

	private GcsContainer() {
	}

	/**
	 * Create a client with a key of its own, since emulators know none.
	 * @param details where the emulator is
	 * @return the client, which the caller closes
	 */
	static Storage client(ContainerConnection.Gcs details) {
		try {
			KeyPairGenerator keys = KeyPairGenerator.getInstance("RSA");
			keys.initialize(2048);
			return StorageOptions.newBuilder()
				.setHost(details.getEndpoint().toString())
				.setProjectId((details.getProject() != null) ? details.getProject() : ANY_PROJECT)
				// Tokens of this kind are made here, and not requested from Google.
				.setCredentials(ServiceAccountCredentials.newBuilder()
					.setClientEmail("nobody@" + ANY_PROJECT + ".iam.gserviceaccount.com")
					.setPrivateKey(keys.generateKeyPair().getPrivate())
					.setPrivateKeyId("key")
					.setUseJwtAccessWithScope(true)
					.build())
				.build()
				.getService();
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	/**
	 * Tell the emulator its address, and make the bucket if there is none. Without the
	 * address, it answers uploads in parts with a URL of its own network.
	 * @param client the client
	 * @param details where the emulator is
	 * @param bucket the name of the bucket
	 */
	public static void prepare(Storage client, ContainerConnection.Gcs details, String bucket) {
		URI endpoint = details.getEndpoint();
		try {
			String address = "{\"externalUrl\": \"" + endpoint + "\", \"publicHost\": \"" + endpoint.getAuthority()
					+ "\"}";
			new NetHttpTransport().createRequestFactory()
				.buildPutRequest(new GenericUrl(endpoint + "/_internal/config"),
						new ByteArrayContent("application/json", address.getBytes(StandardCharsets.UTF_8)))
				.execute()
				.disconnect();
			client.create(BucketInfo.of(bucket));
		}
		catch (StorageException ex) {
			if (ex.getCode() != 409) {
				throw refused(endpoint, bucket, ex);
			}
		}
		catch (IOException ex) {
			throw refused(endpoint, bucket, ex);
		}
	}

	private static StartRefusedException refused(URI endpoint, String bucket, Exception ex) {
		return new StartRefusedException(
				"The bucket " + bucket + " of the container at " + endpoint + " could not be created: "
						+ RedactedUrl.scrub(ex.getMessage()),
				"Let fake-gcs-server serve http: its command needs -scheme http.", ex);
	}

}
