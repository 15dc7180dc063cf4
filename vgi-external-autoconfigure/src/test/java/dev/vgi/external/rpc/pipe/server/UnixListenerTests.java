package dev.vgi.external.rpc.pipe.server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.ReadOptions;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.time.ManualTimer;
import dev.vgi.external.transfer.TransferThreads;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

/**
 * Tests for {@link UnixListener}, with real sockets.
 */
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class UnixListenerTests {

	private static final Duration IDLE = Duration.ofMinutes(10);

	@TempDir
	private Path folder;

	private final BufferAllocator allocator = new RootAllocator();

	private final ManualTimer timer = new ManualTimer();

	/** Events of the handler. */
	private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

	private CountDownLatch mayAnswer = new CountDownLatch(0);

	private UnixListener listener = new UnixListener(
			new UnixSettings(Path.of("none"), PosixFilePermissions.fromString("rw-------"), 1, IDLE), this::serve,
			TransferThreads.platform(), this.timer);

	@BeforeEach
	void create() {
		this.listener = listener("rpc.sock", "rw-------", 64);
	}

	@AfterEach
	void nothingIsLeft() throws Exception {
		this.mayAnswer.countDown();
		this.listener.close();
		try (Stream<Path> left = Files.list(this.folder)) {
			assertThat(left.filter((file) -> file.getFileName().toString().startsWith("."))).isEmpty();
		}
		assertThat(this.timer.alarms()).isZero();
		this.allocator.close();
	}

	private UnixListener listener(String name, String mode, int connections) {
		return new UnixListener(
				new UnixSettings(this.folder.resolve(name), PosixFilePermissions.fromString(mode), connections, IDLE),
				this::serve, TransferThreads.platform(), this.timer);
	}

	private UnixListener listener(BiConsumer<Pipe, PipeServer.Activity> handler) {
		return new UnixListener(new UnixSettings(path(), PosixFilePermissions.fromString("rw-------"), 2, IDLE),
				handler, TransferThreads.platform(), this.timer);
	}

	// One byte for each empty stream.
	private void serve(Pipe pipe, PipeServer.Activity activity) {
		this.events.add("connected");
		try {
			while (readStream(pipe)) {
				activity.begins();
				this.events.add("called");
				this.mayAnswer.await();
				pipe.output().write(ByteBuffer.allocate(1));
				activity.ends();
				this.events.add("answered");
			}
			this.events.add("ended");
		}
		catch (IOException | UncheckedIOException | VgiExternalException ex) {
			this.events.add("broken");
		}
		catch (InterruptedException ex) {
			this.events.add("interrupted");
		}
	}

	private boolean readStream(Pipe pipe) {
		try (IpcStreamReader reader = pipe.reader(1 << 20, this.allocator, ReadOptions.defaults())) {
			boolean there = reader.nextStream();
			if (there) {
				reader.endStream();
			}
			return there;
		}
	}

	private static ByteBuffer request() throws IOException {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		WriteChannel channel = new WriteChannel(Channels.newChannel(out));
		MessageSerializer.serialize(channel, new Schema(List.of()));
		channel.writeIntLittleEndian(-1);
		channel.writeIntLittleEndian(0);
		return ByteBuffer.wrap(out.toByteArray());
	}

	private Path path() {
		return this.folder.resolve("rpc.sock");
	}

	private SocketChannel connect() throws IOException {
		return SocketChannel.open(UnixDomainSocketAddress.of(path()));
	}

	private void call(SocketChannel channel) throws IOException {
		channel.write(request());
		assertThat(channel.read(ByteBuffer.allocate(2))).isEqualTo(1);
	}

	@ParameterizedTest
	@ValueSource(strings = { "rw-------", "rw-rw----" })
	void servesUnderItsPathWithItsMode(String mode) throws Exception {
		this.listener = listener("rpc.sock", mode, 64);
		assertThat(this.listener.isRunning()).isFalse();
		this.listener.open();
		assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path()))).isEqualTo(mode);
		try (SocketChannel channel = connect()) {
			call(channel);
			call(channel);
		}
		this.listener.close();
		assertThat(this.listener.isRunning()).isFalse();
		assertThat(path()).doesNotExist();
	}

	@Test
	void aSocketOnWhichNobodyListensAnyMoreIsReplaced() throws Exception {
		try (ServerSocketChannel stale = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
			stale.bind(UnixDomainSocketAddress.of(path()));
		}
		assertThat(path()).exists();
		this.listener.open();
		try (SocketChannel channel = connect()) {
			call(channel);
		}
	}

	@Test
	void aSocketOnWhichSomebodyListensIsRefused() throws Exception {
		try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
			other.bind(UnixDomainSocketAddress.of(path()), 1);
			assertRefused("Another process listens on the socket " + path() + " of 'vgi.rpc.unix.path'", "Stop it");
			// Also if its queue is full, where one more would wait.
			assertRefused("Another process listens", "Stop it");
			assertRefused("Another process may listen", "Stop it");
			Files.setPosixFilePermissions(path(), PosixFilePermissions.fromString("---------"));
			assertRefused("Another process may listen", "Stop it");
		}
		this.listener.close();
		assertThat(path()).exists();
	}

	@Test
	void whatIsNoSocketIsRefusedAndStays() throws Exception {
		Files.writeString(path(), "precious");
		assertRefused("taken by something that is no socket", "Remove it, or set vgi.rpc.unix.path");
		assertThat(path()).hasContent("precious");
		Files.delete(path());
		Files.createSymbolicLink(path(), this.folder.resolve("nowhere"));
		assertRefused("taken by something that is no socket", "Remove it");
		Files.delete(path());
		Files.createDirectory(path());
		assertRefused("taken by something that is no socket", "Remove it");
	}

	@Test
	void aPathThatIsTooLongIsRefused() throws Exception {
		int rest = 107 - this.folder.toString().length() - 1;
		this.listener = listener("l".repeat(rest + 1), "rw-------", 1);
		assertRefused("is too long for a socket, whose address has 108 bytes", "that is 1 bytes shorter");
		// Umlauts have two.
		this.listener = listener("\u00e4".repeat(rest), "rw-------", 1);
		assertRefused("is too long", "that is " + rest + " bytes shorter");
		this.listener = listener("l".repeat(rest), "rw-------", 1);
		this.listener.open();
	}

	@Test
	void aFolderThatIsNotThereIsRefused() {
		this.listener = listener("none/rpc.sock", "rw-------", 1);
		assertRefused("There is no folder for the socket", "Create the folder");
	}

	private void assertRefused(String problem, String remedy) {
		UnusableSocketException refusal = catchThrowableOfType(UnusableSocketException.class, this.listener::open);
		assertThat(refusal).hasMessageContaining(problem);
		assertThat(refusal.remedy()).contains(remedy);
		assertThat(this.listener.isRunning()).isFalse();
	}

	@Test
	void aConnectionTooManyWaitsUntilAnotherOneEnds() throws Exception {
		this.listener = listener("rpc.sock", "rw-------", 2);
		this.listener.open();
		try (SocketChannel first = connect(); SocketChannel second = connect(); SocketChannel third = connect()) {
			call(first);
			call(second);
			third.write(request());
			CompletableFuture<Integer> answer = CompletableFuture.supplyAsync(() -> read(third));
			call(first);
			assertThat(answer).isNotDone();
			first.close();
			assertThat(answer.get()).isEqualTo(1);
		}
	}

	private static int read(SocketChannel channel) {
		try {
			return channel.read(ByteBuffer.allocate(2));
		}
		catch (IOException ex) {
			return -2;
		}
	}

	@Test
	void anIdleConnectionIsEndedAndABusyOneIsNot() throws Exception {
		this.listener.open();
		try (SocketChannel idle = connect(); SocketChannel busy = connect()) {
			call(idle);
			this.timer.advance(IDLE.minusMillis(1));
			call(idle);
			this.mayAnswer = new CountDownLatch(1);
			busy.write(request());
			awaitEvents("called", 3);
			assertThat(readWhileTimePasses(idle, IDLE)).isEqualTo(-1);
			this.timer.advance(IDLE.multipliedBy(2));
			this.mayAnswer.countDown();
			assertThat(read(busy)).isEqualTo(1);
		}
	}

	@Test
	void aPeerThatLetsWaitWithinACallIsEnded() throws Exception {
		this.listener = listener((pipe, activity) -> {
			activity.begins();
			serve(pipe, activity);
		});
		this.listener.open();
		try (SocketChannel stalling = connect()) {
			awaitEvents("connected", 1);
			stalling.write(request().limit(20));
			assertThat(readWhileTimePasses(stalling, IDLE)).isEqualTo(-1);
		}
	}

	@Test
	void aPeerThatSendsSingleBytesIsEnded() throws Exception {
		this.listener.open();
		try (SocketChannel dribbling = connect()) {
			CompletableFuture<Integer> end = CompletableFuture.supplyAsync(() -> read(dribbling));
			// A message of 1 MiB.
			dribbling.write(ByteBuffer.wrap(new byte[] { -1, -1, -1, -1, 0, 0, 16, 0 }));
			int sent = 0;
			try {
				while (!end.isDone()) {
					dribbling.write(ByteBuffer.allocate(1));
					sent++;
					this.timer.advance(IDLE.dividedBy(50));
				}
			}
			catch (IOException ex) {
				// It is ended.
			}
			// What nobody has read makes it a reset.
			assertThat(end.get()).isNegative();
			assertThat(sent).isLessThan(1 << 20);
		}
	}

	@Test
	void aPeerThatDoesNotReadIsEnded() throws Exception {
		this.listener = listener((pipe, activity) -> {
			activity.begins();
			try {
				while (true) {
					pipe.output().write(ByteBuffer.allocate(1 << 20));
				}
			}
			catch (IOException ex) {
				this.events.add("broken");
			}
		});
		this.listener.open();
		try (SocketChannel mute = connect()) {
			while (!"broken".equals(this.events.poll())) {
				this.timer.advance(IDLE);
			}
			assertThat(mute.isOpen()).isTrue();
		}
	}

	// A step of time may come before the server waits.
	private int readWhileTimePasses(SocketChannel channel, Duration step) throws Exception {
		CompletableFuture<Integer> result = CompletableFuture.supplyAsync(() -> read(channel));
		while (!result.isDone()) {
			this.timer.advance(step);
			Thread.onSpinWait();
		}
		return result.get();
	}

	private void awaitEvents(String event, int count) throws InterruptedException {
		int seen = 0;
		while (seen < count) {
			seen += this.events.take().equals(event) ? 1 : 0;
		}
	}

	@Test
	void aRunningCallMayFinishWhenTheServiceStops() throws Exception {
		this.mayAnswer = new CountDownLatch(1);
		this.listener.open();
		CompletableFuture<Void> drained = new CompletableFuture<>();
		try (SocketChannel idle = connect(); SocketChannel busy = connect()) {
			busy.write(request());
			awaitEvents("called", 1);
			this.listener.drain(() -> drained.complete(null));
			assertThat(read(idle)).isEqualTo(-1);
			assertThat(path()).doesNotExist();
			assertThatExceptionOfType(IOException.class).isThrownBy(this::connect);
			assertThat(drained).isNotDone();
			assertThat(this.listener.isRunning()).isTrue();
			this.mayAnswer.countDown();
			assertThat(read(busy)).isEqualTo(1);
			assertThat(read(busy)).isEqualTo(-1);
			drained.get();
			assertThat(this.listener.isRunning()).isFalse();
		}
	}

	@Test
	void drainingWithoutConnectionsEndsAtOnce() throws Exception {
		this.listener.open();
		CompletableFuture<Void> drained = new CompletableFuture<>();
		this.listener.drain(() -> drained.complete(null));
		assertThat(drained).isDone();
		this.listener.open();
		assertThat(path()).doesNotExist();
	}

	@Test
	void closingEndsARunningCall() throws Exception {
		this.mayAnswer = new CountDownLatch(1);
		this.listener.open();
		try (SocketChannel busy = connect()) {
			busy.write(request());
			awaitEvents("called", 1);
			this.listener.close();
			assertThat(read(busy)).isEqualTo(-1);
			awaitEvents("interrupted", 1);
		}
	}

	@Test
	void aFileThatIsNotOursAnyMoreStays() throws Exception {
		this.listener.open();
		Files.delete(path());
		Files.writeString(path(), "of somebody else");
		this.listener.close();
		assertThat(path()).hasContent("of somebody else");
	}

	@Test
	void connectionsThatCameAndWentLeaveNothing() throws Exception {
		this.listener = listener("rpc.sock", "rw-------", 8);
		this.listener.open();
		for (int i = 0; i < 300; i++) {
			try (SocketChannel channel = connect()) {
				if (i % 2 == 0) {
					call(channel);
				}
			}
		}
		CompletableFuture<Void> drained = new CompletableFuture<>();
		this.listener.drain(() -> drained.complete(null));
		drained.get();
		while (Thread.getAllStackTraces()
			.keySet()
			.stream()
			.anyMatch((thread) -> thread.getName().equals("vgi-external-unix-accept"))) {
			Thread.onSpinWait();
		}
	}

}
