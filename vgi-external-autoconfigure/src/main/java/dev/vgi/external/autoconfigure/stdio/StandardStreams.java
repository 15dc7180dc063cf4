package dev.vgi.external.autoconfigure.stdio;

import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.lang.reflect.Method;

import dev.vgi.external.rpc.pipe.Pipe;

import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;
import org.springframework.util.ReflectionUtils;

/**
 * The standard streams of a process that serves on them. They belong to the protocol:
 * what anybody prints goes to standard error, and nobody else reads the input.
 */
final class StandardStreams {

	/** The exit code of a process that is used in a wrong way. */
	private static final int WRONG_USE = 2;

	private static boolean taken;

	private StandardStreams() {
	}

	/**
	 * Return whether an application serves on its standard streams.
	 * @param environment contains the settings
	 * @return whether the key is set; {@code false} if its value is none, which is
	 * reported with all other settings
	 */
	static boolean areServed(Environment environment) {
		try {
			return Binder.get(environment).bind("vgi.rpc.stdio", Boolean.class).orElse(false);
		}
		catch (BindException ex) {
			return false;
		}
	}

	/**
	 * Keep the streams for the protocol from now on. On a terminal, where a person and no
	 * program is at the other end, the process ends. Only the first time counts.
	 */
	static synchronized void take() {
		if (taken) {
			return;
		}
		if (isTerminal()) {
			System.err.println("With vgi.rpc.stdio=true this application serves a program that starts it and speaks"
					+ " to it over its standard input and output, which are a terminal here.");
			System.exit(WRONG_USE);
		}
		taken = true;
		System.setIn(InputStream.nullInputStream());
		System.setOut(System.err);
	}

	// From JDK 22 on there is a console without a terminal, too.
	private static boolean isTerminal() {
		Console console = System.console();
		Method method = ReflectionUtils.findMethod(Console.class, "isTerminal");
		return console != null
				&& (method == null || Boolean.TRUE.equals(ReflectionUtils.invokeMethod(method, console)));
	}

	/**
	 * Return the streams.
	 * @return reads and writes the file descriptors; the caller closes it
	 */
	@SuppressWarnings("resource")
	static Pipe pipe() {
		take();
		return Pipe.of(new FileInputStream(FileDescriptor.in).getChannel(),
				new FileOutputStream(FileDescriptor.out).getChannel());
	}

}
