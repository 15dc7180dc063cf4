package dev.vgi.external.transfer;

import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Listeners for tests.
 */
public final class TestListeners {

	private TestListeners() {
	}

	/**
	 * Listen to the ends of transfers.
	 * @param ended receives each transfer that has ended
	 * @return the listener
	 */
	public static TransferListener ended(Consumer<Transfer> ended) {
		return listener(ended, (bytes) -> {
		});
	}

	/**
	 * Listen to the progress of transfers.
	 * @param progressed receives the bytes so far
	 * @return the listener
	 */
	public static TransferListener progressed(LongConsumer progressed) {
		return listener((transfer) -> {
		}, progressed);
	}

	/**
	 * Listen to transfers.
	 * @param ended receives each transfer that has ended
	 * @param progressed receives the bytes so far
	 * @return the listener
	 */
	public static TransferListener listener(Consumer<Transfer> ended, LongConsumer progressed) {
		return new TransferListener() {

			@Override
			public Watch begin(Transfer transfer) {
				return new Watch() {

					@Override
					public void progressed(long bytes, long size) {
						progressed.accept(bytes);
					}

					@Override
					public void ended() {
						ended.accept(transfer);
					}

				};
			}

		};
	}

}
