package dev.vgi.external.observation;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.docs.ObservationDocumentation;

/**
 * Documents the observation of a call on the server side.
 */
public enum RpcServerObservation implements ObservationDocumentation {

	/**
	 * One call; each turn of a stream is a call of its own.
	 */
	CALL {

		@Override
		public Class<? extends ObservationConvention<? extends Observation.Context>> getDefaultConvention() {
			return DefaultRpcServerObservationConvention.class;
		}

		@Override
		public KeyName[] getLowCardinalityKeyNames() {
			return LowCardinality.values();
		}

		@Override
		public KeyName[] getHighCardinalityKeyNames() {
			return HighCardinality.values();
		}

	};

	/**
	 * Keys with values from closed sets.
	 */
	public enum LowCardinality implements KeyName {

		/** Kind of the error, as a caller can tell it apart; {@code none} otherwise. */
		ERROR_KIND("rpc.error.kind"),

		/** How the method is called. */
		KIND("rpc.kind"),

		/** Name of the method. */
		METHOD("rpc.method"),

		/** How it ended: {@code success}, {@code refused} or {@code error}. */
		OUTCOME("outcome"),

		/** The part of a call: {@code call}, {@code init} or {@code exchange}. */
		PHASE("rpc.phase"),

		/** Name of the protocol. */
		PROTOCOL("rpc.service"),

		/** What carries it: {@code http}, {@code stdio} or {@code unix}. */
		TRANSPORT("transport");

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
	 * Keys with any values.
	 */
	public enum HighCardinality implements KeyName {

		/** Bytes that were stored. */
		BYTES_EXTERNAL("rpc.bytes.external"),

		/** Bytes of the answer itself. */
		BYTES_INLINE("rpc.bytes.inline"),

		/** The caller's identifier of the request. */
		REQUEST_ID("rpc.request.id");

		private final String key;

		HighCardinality(String key) {
			this.key = key;
		}

		@Override
		public String asString() {
			return this.key;
		}

	}

}
