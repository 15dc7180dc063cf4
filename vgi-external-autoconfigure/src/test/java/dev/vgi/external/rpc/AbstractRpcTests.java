package dev.vgi.external.rpc;

import java.time.Duration;

import dev.vgi.external.rpc.RpcTestApplication.Seams;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

/**
 * A running server, a client of its wire, and neither keeps memory.
 */
@SpringBootTest(classes = RpcTestApplication.class, webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@SuppressWarnings("NullAway.Init")
public abstract class AbstractRpcTests {

	protected final BufferAllocator allocator = new RootAllocator();

	@Autowired
	protected Seams seams;

	protected Loopback loopback;

	@Autowired
	private BufferAllocator serverAllocator;

	@LocalServerPort
	private int port;

	@BeforeEach
	void connect() {
		this.loopback = new Loopback(this.port, "", this.allocator);
	}

	@AfterEach
	void nothingIsKept() {
		this.seams.reset();
		this.allocator.close();
		// The last byte of an answer leaves before the server cleans up.
		Awaitility.await()
			.atMost(Duration.ofSeconds(5))
			.pollInterval(Duration.ofMillis(5))
			.until(() -> this.serverAllocator.getAllocatedMemory() == 0);
	}

}
