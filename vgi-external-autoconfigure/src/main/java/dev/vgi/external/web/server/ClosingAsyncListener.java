package dev.vgi.external.web.server;

import dev.vgi.external.Internal;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;

/**
 * Closes what an asynchronous request owns when it is complete, even if it is never
 * dispatched again.
 */
@Internal
public final class ClosingAsyncListener implements AsyncListener {

	private final Runnable close;

	/**
	 * Create a listener.
	 * @param close closes it; may be called more than once
	 */
	public ClosingAsyncListener(Runnable close) {
		this.close = close;
	}

	@Override
	public void onComplete(AsyncEvent event) {
		this.close.run();
	}

	@Override
	public void onTimeout(AsyncEvent event) {
		// onComplete follows.
	}

	@Override
	public void onError(AsyncEvent event) {
		// onComplete follows.
	}

	@Override
	public void onStartAsync(AsyncEvent event) {
		event.getAsyncContext().addListener(this);
	}

}
