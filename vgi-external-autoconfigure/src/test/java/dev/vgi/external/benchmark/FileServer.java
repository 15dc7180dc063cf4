package dev.vgi.external.benchmark;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.concurrent.Executors;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import org.jspecify.annotations.Nullable;

import org.springframework.http.HttpRange;

/**
 * Serves the files of a folder with ranges, in a process of its own, and ends when its
 * standard input does: with whoever started it.
 */
public final class FileServer {

	private FileServer() {
	}

	public static void main(String[] args) throws IOException {
		Path folder = Path.of(args[0]);
		HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64);
		server.setExecutor(Executors.newCachedThreadPool());
		server.createContext("/", (exchange) -> serve(exchange, folder));
		server.start();
		System.out.println("PORT:" + server.getAddress().getPort());
		System.out.flush();
		while (System.in.read() >= 0) {
			// Nothing is said, only ended.
		}
		server.stop(0);
		System.exit(0);
	}

	private static void serve(HttpExchange exchange, Path folder) throws IOException {
		try (exchange;
				FileChannel file = FileChannel.open(folder.resolve(exchange.getRequestURI().getPath().substring(1)))) {
			long size = file.size();
			long first = 0;
			long last = size - 1;
			String range = exchange.getRequestHeaders().getFirst("Range");
			exchange.getResponseHeaders().set("ETag", "\"1\"");
			if (range != null) {
				HttpRange asked = HttpRange.parseRanges(range).get(0);
				first = asked.getRangeStart(size);
				last = asked.getRangeEnd(size);
				exchange.getResponseHeaders().set("Content-Range", "bytes " + first + "-" + last + "/" + size);
			}
			exchange.sendResponseHeaders((range != null) ? 206 : 200, last - first + 1);
			copy(file, first, last - first + 1, exchange.getResponseBody());
		}
	}

	private static void copy(FileChannel file, long offset, long length, OutputStream body) throws IOException {
		ByteBuffer step = ByteBuffer.allocateDirect(256 * 1024);
		var channel = Channels.newChannel(body);
		long done = 0;
		while (done < length) {
			step.clear().limit((int) Math.min(step.capacity(), length - done));
			int read = file.read(step, offset + done);
			step.flip();
			channel.write(step);
			done += read;
		}
	}

	/**
	 * Start a server in a process of its own.
	 * @param folder the folder to serve
	 * @return the process, whose standard output begins with its port
	 * @throws IOException if it cannot be started
	 */
	static Process start(@Nullable Path folder) throws IOException {
		String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
		return new ProcessBuilder(java, "-cp", System.getProperty("java.class.path"), FileServer.class.getName(),
				String.valueOf(folder))
			.redirectError(ProcessBuilder.Redirect.INHERIT)
			.start();
	}

}
