package dev.vgi.external.storage.s3;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.StorageKillsContract;
import dev.vgi.external.transfer.TransferResources;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/**
 * A versitygw that is killed, whose executable is that of the system property
 * {@code vgi.test.kills.versitygw}.
 */
@SuppressWarnings("NullAway.Init")
class S3KillsContract extends StorageKillsContract {

	private static final String REGION = "eu-central-1";

	private static final AwsBasicCredentials IDENTITY = AwsBasicCredentials.create("access", "planted-secret");

	private S3Client admin;

	private S3Client client;

	private S3Presigner presigner;

	@Override
	protected List<String> command(int port, Path folder) {
		try {
			Path objects = Files.createDirectories(folder.resolve("objects"));
			Path metadata = Files.createDirectories(folder.resolve("metadata"));
			return List.of(System.getProperty("vgi.test.kills.versitygw"), "--port", "127.0.0.1:" + port, "--region",
					REGION, "--keep-alive", "posix", "--sidecar", metadata.toString(), objects.toString());
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

	@Override
	protected Map<String, String> environment() {
		return Map.of("ROOT_ACCESS_KEY", IDENTITY.accessKeyId(), "ROOT_SECRET_KEY", IDENTITY.secretAccessKey());
	}

	@Override
	protected ExternalStorage create(URI server, Path folder, TransferResources resources, Runnable asked,
			Duration timeout) {
		AwsCredentialsProvider credentials = () -> {
			asked.run();
			return IDENTITY;
		};
		this.admin = S3Clients.client(StaticCredentialsProvider.create(IDENTITY), REGION, server, true);
		this.admin.createBucket((create) -> create.bucket("batches"));
		this.client = S3Clients.client(credentials, REGION, server, true);
		this.presigner = S3Clients.presigner(credentials, REGION, server, true);
		return new S3Storage(this.client, this.presigner, resources.transport(), resources.threads(),
				S3StorageSettings.of("batches").withPartSize(5L << 20).withTimeout(timeout), Clock.systemUTC());
	}

	@Override
	protected Set<String> contents() {
		Set<String> names = new TreeSet<>();
		this.admin.listObjectsV2Paginator((list) -> list.bucket("batches"))
			.contents()
			.forEach((object) -> names.add(lastSegment(object.key())));
		this.admin.listMultipartUploads((list) -> list.bucket("batches"))
			.uploads()
			.forEach((upload) -> names.add("unfinished " + upload.key()));
		return names;
	}

	@Override
	protected void free() {
		this.client.close();
		this.presigner.close();
		this.admin.close();
	}

	@Override
	protected int multipartSize() {
		return 16_000_000;
	}

}
