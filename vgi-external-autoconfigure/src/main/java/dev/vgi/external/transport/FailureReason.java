package dev.vgi.external.transport;

import java.io.EOFException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;

import javax.net.ssl.SSLException;

import dev.vgi.external.Internal;
import org.apache.hc.core5.http.ConnectionClosedException;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.MalformedChunkCodingException;
import org.apache.hc.core5.http.NoHttpResponseException;
import org.apache.hc.core5.http.TruncatedChunkException;
import org.jspecify.annotations.Nullable;

/**
 * Explains in plain words why something failed. Messages of the JDK and of libraries may
 * contain URLs and secrets, and a class name alone rarely tells users what to do.
 */
@Internal
public final class FailureReason {

	/** Messages of operating systems for which there is no exception type. */
	private static final Map<String, String> OF_THE_SYSTEM = Map.of("No space left on device", "the disk is full",
			"not enough space on the disk", "the disk is full", "Disk quota exceeded",
			"the quota of the disk is used up", "Read-only file system", "the file system can only be read",
			"Too many open files", "the process has too many open files", "unreachable", "no route leads to it",
			"Connection timed out", "it does not answer", "pool shut down", "its client was closed");

	private FailureReason() {
	}

	/**
	 * Explain a failure.
	 * @param failure any exception
	 * @return half a sentence in one line, without any part of the exception's message;
	 * the name of its class, or that of its root cause, if nothing better is known
	 */
	public static String of(Throwable failure) {
		Throwable root = failure;
		for (Throwable cause : chain(failure)) {
			String known = known(cause);
			if (known != null) {
				return known;
			}
			root = cause;
		}
		return root.getClass().getSimpleName();
	}

	/**
	 * Return a failure and what has led to it.
	 * @param failure any exception
	 * @return the failure, its cause, the cause of that, and so on; each of them once,
	 * since the causes of a foreign exception may form a circle
	 */
	public static List<Throwable> chain(Throwable failure) {
		Map<Throwable, Throwable> seen = new IdentityHashMap<>();
		List<Throwable> chain = new ArrayList<>();
		for (Throwable cause = failure; cause != null && seen.put(cause, cause) == null; cause = cause.getCause()) {
			chain.add(cause);
		}
		return chain;
	}

	private static @Nullable String known(Throwable cause) {
		if (cause instanceof ExplainedException) {
			return cause.getMessage();
		}
		if (cause instanceof SSLException) {
			return tls(cause);
		}
		if (cause instanceof RejectedExecutionException) {
			return "its client was closed";
		}
		if (cause instanceof UnknownHostException) {
			return "its host has no address";
		}
		// The names of files and hosts must not be mistaken for a message of the system.
		String said = String
			.valueOf((cause instanceof FileSystemException file) ? file.getReason() : cause.getMessage());
		for (Map.Entry<String, String> system : OF_THE_SYSTEM.entrySet()) {
			if (said.contains(system.getKey())) {
				return system.getValue();
			}
		}
		if (cause instanceof NoRouteToHostException) {
			return "no route leads to it";
		}
		if (cause instanceof ConnectException) {
			return "the connection was refused";
		}
		if (cause instanceof SocketTimeoutException) {
			return "it was silent for too long";
		}
		if (cause instanceof EOFException || cause instanceof ConnectionClosedException
				|| cause instanceof NoHttpResponseException || cause instanceof TruncatedChunkException
				|| cause instanceof SocketException || cause instanceof ClosedChannelException) {
			return "the connection was closed before its end";
		}
		if (cause instanceof HttpException || cause instanceof MalformedChunkCodingException) {
			return "what it answers is no HTTP, or was cut off";
		}
		if (cause instanceof NoSuchFileException) {
			return "the file or its folder does not exist";
		}
		if (cause instanceof NotDirectoryException) {
			return "it is no folder";
		}
		return (cause instanceof AccessDeniedException) ? "the user of this process may not do that" : null;
	}

	private static String tls(Throwable failure) {
		for (Throwable cause : chain(failure)) {
			if (cause instanceof CertificateExpiredException || cause instanceof CertificateNotYetValidException) {
				return "its certificate is not valid at this time";
			}
		}
		for (Throwable cause : chain(failure)) {
			if (cause instanceof CertificateException) {
				return "its certificate is not trusted, or is for another host";
			}
		}
		return "no TLS connection came about";
	}

}
