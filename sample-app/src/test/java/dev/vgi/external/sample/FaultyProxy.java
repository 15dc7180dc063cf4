package dev.vgi.external.sample;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line to a storage that fails on demand. Hands on what it gets byte by byte, so that
 * signatures stay valid, until it is told a {@link Fault}.
 */
final class FaultyProxy {

	private static final Pattern REQUEST = Pattern.compile("^(GET|PUT|POST|HEAD|DELETE) /");

	private static final int BUFFER = 16_384;

	private static final int ROOM_FOR_METHOD = 8;

	private final ServerSocket server = new ServerSocket(0, 256, InetAddress.getLoopbackAddress());

	private final int storage;

	private final Set<Socket> open = ConcurrentHashMap.newKeySet();

	private volatile Fault fault = Fault.NONE;

	/**
	 * Create a proxy that does not listen yet.
	 * @param storage the port of the storage
	 * @throws IOException if there is no port
	 */
	FaultyProxy(int storage) throws IOException {
		this.storage = storage;
	}

	/**
	 * Serve until the process ends.
	 * @return the port
	 */
	int start() {
		daemon(this::accept);
		return this.server.getLocalPort();
	}

	/**
	 * Fail from now on.
	 * @param fault in which way
	 */
	synchronized void fail(Fault fault) {
		this.fault = fault;
		if (fault == Fault.GONE) {
			this.open.forEach(FaultyProxy::close);
		}
		notifyAll();
	}

	private void accept() {
		while (true) {
			try {
				Socket caller = this.server.accept();
				if (this.fault == Fault.GONE) {
					close(caller);
				}
				else {
					daemon(() -> serve(caller));
				}
			}
			catch (IOException ex) {
				throw new IllegalStateException(ex);
			}
		}
	}

	private void serve(Socket caller) {
		try (caller; Socket upstream = new Socket(InetAddress.getLoopbackAddress(), this.storage)) {
			this.open.add(caller);
			this.open.add(upstream);
			daemon(() -> answers(upstream, caller));
			requests(caller, upstream);
		}
		catch (IOException | InterruptedException ex) {
			// The connection ends with either of its sides
		}
		finally {
			this.open.remove(caller);
		}
	}

	private void requests(Socket caller, Socket upstream) throws IOException, InterruptedException {
		InputStream in = caller.getInputStream();
		OutputStream out = upstream.getOutputStream();
		byte[] bytes = new byte[BUFFER];
		for (int count = in.read(bytes); count >= 0; count = in.read(bytes)) {
			Matcher request = REQUEST
				.matcher(new String(bytes, 0, Math.min(count, ROOM_FOR_METHOD), StandardCharsets.ISO_8859_1));
			if (request.find() && this.fault.refuses(request.group(1))) {
				refuse(caller, request.group(1));
				return;
			}
			if (!holdUp()) {
				return;
			}
			out.write(bytes, 0, count);
		}
		upstream.shutdownOutput();
	}

	private void answers(Socket upstream, Socket caller) {
		try (caller; upstream) {
			InputStream in = upstream.getInputStream();
			OutputStream out = caller.getOutputStream();
			byte[] bytes = new byte[BUFFER];
			for (int count = in.read(bytes); count >= 0 && holdUp(); count = in.read(bytes)) {
				out.write(bytes, 0, count);
			}
		}
		catch (IOException | InterruptedException ex) {
			// The connection ends with either of its sides
		}
		finally {
			this.open.remove(upstream);
		}
	}

	private boolean holdUp() throws InterruptedException {
		switch (this.fault) {
			case SLOW -> Thread.sleep(50);
			case CUT -> {
				return new Random().nextInt(8) != 0;
			}
			case STALL -> {
				synchronized (this) {
					while (this.fault == Fault.STALL) {
						wait();
					}
				}
			}
			default -> {
				// As it is
			}
		}
		return true;
	}

	private void refuse(Socket caller, String method) throws IOException {
		String body = "<?xml version=\"1.0\"?><Error><Code>" + this.fault.code
				+ "</Code><Message>planted</Message></Error>";
		String head = "HTTP/1.1 " + this.fault.status + " Planted\r\nContent-Type: application/xml\r\nContent-Length: "
				+ body.length() + "\r\nConnection: close\r\n\r\n";
		caller.getOutputStream()
			.write((method.equals("HEAD") ? head : head + body).getBytes(StandardCharsets.US_ASCII));
		caller.shutdownOutput();
		// Else the rest of the request would reset the connection before the answer is
		// read
		caller.setSoTimeout(2_000);
		caller.getInputStream().transferTo(OutputStream.nullOutputStream());
	}

	private static void close(Socket socket) {
		try {
			socket.close();
		}
		catch (IOException ex) {
			// It is
		}
	}

	private static void daemon(Runnable task) {
		Thread thread = new Thread(task, "line");
		thread.setDaemon(true);
		thread.start();
	}

	/**
	 * What the line does.
	 */
	enum Fault {

		/** It works. */
		NONE(0, ""),

		/** The storage asks to come back later. */
		BUSY(503, "SlowDown"),

		/** A connection breaks after some bytes, in either direction. */
		CUT(0, ""),

		/** Nothing arrives until the fault ends. */
		STALL(0, ""),

		/** It has 320 KB/s in each direction of a connection. */
		SLOW(0, ""),

		/** The storage takes nothing more. */
		FULL(507, "InsufficientStorage"),

		/** The storage does not know the credentials any more. */
		DENIED(403, "InvalidAccessKeyId"),

		/** Nobody answers. */
		GONE(0, "");

		private final int status;

		private final String code;

		Fault(int status, String code) {
			this.status = status;
			this.code = code;
		}

		private boolean refuses(String method) {
			return switch (this) {
				case BUSY, DENIED -> true;
				case FULL -> method.equals("PUT") || method.equals("POST");
				default -> false;
			};
		}

	}

}
