package dev.vgi.external.autoconfigure.connection;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Services of Docker Compose, from what {@code docker} prints of them to a batch that
 * went through the server at their port. Boot runs {@code docker} and reads what it
 * prints; {@code docker} is a script that prints what a real one does.
 */
@DisabledOnOs(OS.WINDOWS)
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DockerComposeTests {

	private static final String ID = "f5af31dae7f665bd194ec7261bdc84e5df9c64753abb4a6cec6c33f7cf64c3fc";

	private static final Map<String, String> CREDENTIALS = Map.of("ROOT_ACCESS_KEY_ID", S3Server.ACCESS_KEY,
			"ROOT_SECRET_ACCESS_KEY", S3Server.SECRET_KEY, "VGW_REGION", S3Server.REGION);

	@TempDir
	private Path folder;

	@Test
	void serviceIsKnownByItsImage() throws Exception {
		String output = run("versity/versitygw:v1.8.0", 7070, CREDENTIALS, Map.of());
		assertThat(output).contains("Batches from 1 MB go to s3://vgi-external/vgi-rpc/", "sum is right: true")
			.containsPattern("buckets of S3: .*vgi-external")
			.doesNotContain(S3Server.SECRET_KEY);
	}

	@Test
	void serviceIsKnownByItsLabelAndNamesItsBucket() throws Exception {
		String output = run("registry.example:5000/our/store", 9000,
				Map.of("MINIO_ROOT_USER", S3Server.ACCESS_KEY, "MINIO_ROOT_PASSWORD", S3Server.SECRET_KEY,
						"MINIO_SITE_REGION", S3Server.REGION),
				Map.of("org.springframework.boot.service-connection", "minio/minio", "dev.vgi.external.bucket",
						"composed-batches"));
		assertThat(output).contains("go to s3://composed-batches/vgi-rpc/", "sum is right: true");
	}

	@Test
	void serviceThatIsForSomethingElseIsIgnored() throws Exception {
		String output = run("versity/versitygw", 7070, CREDENTIALS, Map.of("org.springframework.boot.ignore", "true"));
		assertThat(output).contains("go to the folder", "sum is right: true").doesNotContain("s3://");
	}

	private String run(String image, int port, Map<String, String> variables, Map<String, String> labels)
			throws Exception {
		Path compose = Files.writeString(this.folder.resolve("compose.yaml"),
				"services:\n  store:\n    image: " + image);
		write("version.json", Map.of("version", "2.40.3"));
		write("context.json",
				Map.of("Current", true, "DockerEndpoint", "unix:///var/run/docker.sock", "Name", "default"));
		write("config.json", Map.of("name", "demo", "services", Map.of("store", Map.of("image", image))));
		write("ps.json", Map.of("ID", ID.substring(0, 12), "Image", image, "Name", "demo-store-1", "State", "running"));
		write("inspect.json",
				Map.of("Id", ID, "Config",
						Map.of("Image", image, "Labels", labels, "ExposedPorts", Map.of(port + "/tcp", Map.of()), "Env",
								variables.entrySet()
									.stream()
									.map((variable) -> variable.getKey() + "=" + variable.getValue())
									.collect(Collectors.toList())),
						"HostConfig", Map.of("NetworkMode", "demo_default"), "NetworkSettings",
						Map.of("Ports",
								Map.of(port + "/tcp", List.of(
										Map.of("HostIp", "0.0.0.0", "HostPort", String.valueOf(S3Server.port())),
										Map.of("HostIp", "::", "HostPort", String.valueOf(S3Server.port())))))));
		Path docker = Files.writeString(this.folder.resolve("docker"), """
				#!/bin/sh
				cd "$(dirname "$0")"
				echo "$*" >>commands
				case " $* " in
				*" compose version "*) cat version.json ;;
				*" config "*) cat config.json ;;
				*" ps "*) cat ps.json ;;
				*" up "* | *" start "* | *" stop "*) ;;
				*" context "*) cat context.json ;;
				*" inspect "*) cat inspect.json ;;
				" version "*) echo 29.1.0 ;;
				*) echo "unknown: $*" >&2; exit 1 ;;
				esac
				""");
		Files.setPosixFilePermissions(docker, PosixFilePermissions.fromString("rwxr-xr-x"));
		ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
				"-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp",
				System.getProperty("java.class.path"), ComposedApplication.class.getName(), "--server.port=0",
				"--spring.docker.compose.enabled=true", "--spring.docker.compose.file=" + compose,
				"--vgi.external.local.directory=" + this.folder)
			.redirectErrorStream(true);
		// The build sets a folder there, and this machine may know a region or a Docker.
		builder.environment()
			.keySet()
			.removeIf((key) -> key.startsWith("VGI_") || key.startsWith("AWS_") || key.startsWith("DOCKER_"));
		builder.environment().put("AWS_EC2_METADATA_DISABLED", "true");
		builder.environment().merge("PATH", this.folder + ":", (path, first) -> first + path);
		Process process = builder.start();
		try {
			String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
			assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
			assertThat(Files.readString(this.folder.resolve("commands"))).contains("inspect");
			return output;
		}
		finally {
			process.destroyForcibly();
		}
	}

	private void write(String name, Map<String, Object> content) throws Exception {
		Files.writeString(this.folder.resolve(name), JsonMapper.shared().writeValueAsString(content));
	}

}
