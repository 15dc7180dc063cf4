package dev.vgi.external.autoconfigure.connection;

import java.net.URI;

import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.TransientNio2BlobStore;
import org.jspecify.annotations.Nullable;

/**
 * A server that verifies signatures: s3proxy in this process or, where
 * {@code vgi.test.s3.endpoint} names one, another server with the same credentials.
 */
final class S3Server {

	static final String ACCESS_KEY = "access";

	static final String SECRET_KEY = "planted-secret";

	/** Of the other server; s3proxy knows no regions. */
	static final String REGION = "eu-central-1";

	private static @Nullable S3Proxy server;

	private S3Server() {
	}

	static synchronized int port() {
		String other = System.getProperty("vgi.test.s3.endpoint");
		if (other != null) {
			return URI.create(other).getPort();
		}
		if (server == null) {
			server = S3Proxy.builder()
				.blobStore(new TransientNio2BlobStore())
				.endpoint(URI.create("http://127.0.0.1:0"))
				.awsAuthentication(AuthenticationType.AWS_V4, ACCESS_KEY, SECRET_KEY)
				.metricsEnabled(false)
				.ignoreUnknownHeaders(true)
				.build();
			try {
				// Its threads end with the process.
				server.start();
			}
			catch (Exception ex) {
				throw new IllegalStateException(ex);
			}
		}
		return server.getPort();
	}

}
