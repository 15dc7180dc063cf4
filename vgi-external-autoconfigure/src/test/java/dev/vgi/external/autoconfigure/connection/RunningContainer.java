package dev.vgi.external.autoconfigure.connection;

import java.util.Map;
import java.util.Objects;

import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * A container as it is after it was started: its port is that of a server of this
 * machine, and nobody asks Docker about it.
 */
class RunningContainer extends GenericContainer<RunningContainer> {

	private final String image;

	private final Map<Integer, Integer> ports;

	RunningContainer(String image, int port, int mappedPort) {
		super(DockerImageName.parse(image));
		this.image = image;
		this.ports = Map.of(port, mappedPort);
	}

	@Override
	public String getDockerImageName() {
		return this.image;
	}

	@Override
	public void start() {
		// It runs.
	}

	@Override
	public void stop() {
		// Whoever started the server stops it.
	}

	@Override
	public boolean isRunning() {
		return true;
	}

	@Override
	public String getHost() {
		return "localhost";
	}

	@Override
	public Integer getMappedPort(int originalPort) {
		return Objects.requireNonNull(this.ports.get(originalPort));
	}

}
