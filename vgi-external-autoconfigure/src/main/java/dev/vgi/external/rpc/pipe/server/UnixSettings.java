package dev.vgi.external.rpc.pipe.server;

import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.Set;

/**
 * How a Unix socket is served.
 *
 * @param path the file of the socket
 * @param mode its permissions
 * @param maxConnections most connections at the same time
 * @param idleTimeout how long a connection may wait for its peer
 */
public record UnixSettings(Path path, Set<PosixFilePermission> mode, int maxConnections, Duration idleTimeout) {

	public UnixSettings {
		mode = Set.copyOf(mode);
	}

}
