package dev.vgi.external.observation;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.docs.ObservationDocumentation;

/**
 * Documents the observation of a client's call.
 */
public enum RpcClientObservation implements ObservationDocumentation {

	/** One call: unary, or a stream from its opening to its end. */
	CALL {

		@Override
		public Class<? extends ObservationConvention<? extends Observation.Context>> getDefaultConvention() {
			return DefaultRpcClientObservationConvention.class;
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

		/** Machine-readable kind of the error, or {@code none}. */
		ERROR_KIND("rpc.error.kind"),

		/**
		 * How the method is called: {@code unary}, {@code producer} or {@code exchange}.
		 */
		KIND("rpc.kind"),

		/** Name of the method on the wire. */
		METHOD("rpc.method"),

		/** How the call ended: {@code success}, {@code cancelled} or {@code error}. */
		OUTCOME("outcome"),

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

		/** Bytes fetched from storage. */
		EXTERNAL_RECEIVED("rpc.bytes.external.received"),

		/** Bytes put into storage. */
		EXTERNAL_SENT("rpc.bytes.external.sent"),

		/** Bytes received in responses. */
		INLINE_RECEIVED("rpc.bytes.inline.received"),

		/** Bytes sent in requests. */
		INLINE_SENT("rpc.bytes.inline.sent");

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
