package dev.vgi.external.autoconfigure;

import java.nio.charset.StandardCharsets;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/**
 * The key file of a service account that does not exist.
 */
public final class ServiceAccountKey {

	private static final String PRIVATE_KEY = key();

	private static final String ENCODED = create();

	private ServiceAccountKey() {
	}

	/**
	 * Return the file as a property takes it.
	 * @return the JSON text in Base64
	 */
	public static String encoded() {
		return ENCODED;
	}

	/**
	 * Return the key that nobody may see.
	 * @return the private key in Base64
	 */
	static String privateKey() {
		return PRIVATE_KEY;
	}

	private static String key() {
		try {
			KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
			generator.initialize(2048);
			return Base64.getEncoder().encodeToString(generator.generateKeyPair().getPrivate().getEncoded());
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static String create() {
		String file = "{\"type\": \"service_account\", \"project_id\": \"project\", \"private_key_id\": \"planted\","
				+ " \"private_key\": \"-----BEGIN PRIVATE KEY-----\\n" + PRIVATE_KEY
				+ "\\n-----END PRIVATE KEY-----\\n\","
				+ " \"client_email\": \"batches@project.iam.gserviceaccount.com\", \"client_id\": \"1\","
				// Nobody answers there.
				+ " \"token_uri\": \"http://127.0.0.1:1/token\"}";
		return Base64.getEncoder().encodeToString(file.getBytes(StandardCharsets.UTF_8));
	}

}
