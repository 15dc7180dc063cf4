package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Set;
import java.util.function.Supplier;

import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.pipe.Pipe;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.core.log.LogMessage;
import org.springframework.web.bind.support.WebBindingInitializer;

/**
 * Serves an application's RPC methods to the peers of connections that are no HTTP.
 * Thread-safe: each connection has its own thread.
 */
public final class PipeServer {

	private static final Log logger = LogFactory.getLog(PipeServer.class);

	private final PipeMethods methods;

	private final PipeCalls calls;

	private PipeServer(PipeMethods methods, PipeCalls calls) {
		this.methods = methods;
		this.calls = calls;
	}

	/**
	 * Find and examine the methods of an application's controllers.
	 * @param beans contains the controllers
	 * @param settings how methods are served
	 * @param budget the budget that requests are charged to
	 * @param allocator the owner of the memory of requests and results
	 * @param resolver resolves requests that are pointers
	 * @param externalizer sends large results through storage
	 * @param listener observes calls
	 * @param pointers supplies what the peer has to do with pointers, in the thread that
	 * serves a call
	 * @param binding has the validator, or {@code null} if nothing is validated
	 * @return the server, which needs no closing
	 * @throws IllegalStateException if a signature cannot be mapped to Arrow, a stream
	 * has no turn, or two controllers serve one method
	 * @throws HttpOnlyParameterException if a handler needs what only HTTP has
	 */
	public static PipeServer of(ListableBeanFactory beans, PipeSettings settings, TransferBudget budget,
			BufferAllocator allocator, LocationResolver resolver, Externalizer externalizer, RpcCallListener listener,
			Supplier<CallerPointers> pointers, @Nullable WebBindingInitializer binding) {
		PipeMethods methods = new PipeMethods(beans, settings.serverId());
		return new PipeServer(methods, new PipeCalls(methods, settings, budget, allocator, resolver, externalizer,
				listener, pointers, binding));
	}

	/**
	 * Return the names of the protocols that are served.
	 * @return their names in alphabetical order, without reflection; empty if the
	 * application has no RPC method
	 */
	public Set<String> protocols() {
		return this.methods.hosted().protocols().keySet();
	}

	/**
	 * Serve one connection until its peer ends it, and close it. Nothing that a peer does
	 * is an error here.
	 * @param pipe the connection; taken over
	 * @param transport what it is: {@code stdio} or {@code unix}
	 * @param caller name of the peer; all requests of one caller count together
	 * @param activity is told when a call begins and ends
	 */
	public void serve(Pipe pipe, String transport, String caller, Activity activity) {
		try (pipe) {
			new ServedPipe(this.calls, pipe, transport, caller, activity).serve();
		}
		catch (IOException | UncheckedIOException ex) {
			logger.debug(LogMessage.format("A connection (%s) broke off", transport), ex);
		}
		catch (RuntimeException ex) {
			logger.warn(LogMessage.format("A connection (%s) is closed after a failure", transport), ex);
		}
	}

	/**
	 * Is told of the calls of one connection, by the thread that serves it. A stream is
	 * one call, from its request to the end of its input.
	 */
	public interface Activity {

		/**
		 * A request has arrived, to its end.
		 */
		void begins();

		/**
		 * Its answer was written.
		 */
		void ends();

	}

}
