package dev.vgi.external.observation;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.docs.ObservationDocumentation;

/**
 * Documents the observations of transfers.
 */
public enum TransferObservation implements ObservationDocumentation {

	/** A batch on its way from storage: from a pointer to its verified bytes. */
	FETCH {

		@Override
		public KeyName[] getLowCardinalityKeyNames() {
			return new KeyName[] { LowCardinality.CONTENT_CODING, LowCardinality.OUTCOME };
		}

	},

	/** A batch on its way to storage: from the batch to its URL. */
	UPLOAD {

		@Override
		public KeyName[] getLowCardinalityKeyNames() {
			return LowCardinality.values();
		}

	};

	@Override
	public Class<? extends ObservationConvention<? extends Observation.Context>> getDefaultConvention() {
		return DefaultTransferObservationConvention.class;
	}

	@Override
	public KeyName[] getHighCardinalityKeyNames() {
		return HighCardinality.values();
	}

	@Override
	public Observation.Event[] getEvents() {
		return Happening.values();
	}

	/**
	 * Keys with values from closed sets.
	 */
	public enum LowCardinality implements KeyName {

		/** Coding of the stored bytes: {@code zstd}, {@code gzip} or {@code none}. */
		CONTENT_CODING("content.coding"),

		/**
		 * How it ended: {@code success}, a kind, {@code error} for a failure of the
		 * application; {@code unknown} while it runs.
		 */
		OUTCOME("outcome"),

		/** Name of the backend. Of uploads only. */
		STORAGE("storage");

		private final String key;

		LowCardinality(String key) {
			this.key = key;
		}

		@Override
		public String asString() {
			return this.key;
		}

	}

	/**
	 * Keys with any values. Times are milliseconds.
	 */
	public enum HighCardinality implements KeyName {

		/** Bytes of the Arrow stream, once it is complete. */
		BYTES_DECODED("vgi.bytes.decoded"),

		/** Bytes as they are stored; those so far if the transfer failed. */
		BYTES_STORED("vgi.bytes.stored"),

		/** Second copies of late requests. */
		HEDGES("vgi.hedges"),

		/** The object's URL without its query. */
		LOCATION("vgi.location"),

		/** Ranges or parts that are complete. */
		RANGES("vgi.ranges"),

		/** The storage's own identifier of the last request that it answered. */
		REQUEST_ID("vgi.request.id"),

		/** Requests that were sent, redirects and hedges included. */
		REQUESTS("vgi.requests"),

		/** Further attempts at the whole object. */
		RETRIES("vgi.retries"),

		/** Place in the stream, list or result set, from 1; 0 for none. */
		SEGMENT("vgi.segment"),

		/** Identifier of the transfer, as in log lines. */
		TRANSFER_ID("vgi.transfer.id"),

		/** Time that the transfer waited for memory. */
		WAIT_MEMORY("vgi.wait.memory"),

		/** Time that the transfer waited before further attempts. */
		WAIT_PAUSE("vgi.wait.pause"),

		/** Time that the transfer waited for a new link. */
		WAIT_RENEWAL("vgi.wait.renewal");

		private final String key;

		HighCardinality(String key) {
			this.key = key;
		}

		@Override
		public String asString() {
			return this.key;
		}

	}

	/**
	 * What a transfer may be seen to do. On a span, a text stands for the name.
	 */
	public enum Happening implements Observation.Event {

		/** A second copy of a late request is sent. */
		HEDGE("hedge"),

		/** The transfer has waited for memory. */
		MEMORY("memory"),

		/** The transfer has waited for a new link. */
		RENEWAL("renewal"),

		/** A failed attempt is made again. */
		RETRY("retry");

		private final String event;

		Happening(String event) {
			this.event = event;
		}

		@Override
		public String getName() {
			return this.event;
		}

		/**
		 * Return this event as it is seen on a span.
		 * @param text what has happened, without a query
		 * @return the event
		 */
		Observation.Event as(String text) {
			return Observation.Event.of(this.event, text);
		}

	}

}
