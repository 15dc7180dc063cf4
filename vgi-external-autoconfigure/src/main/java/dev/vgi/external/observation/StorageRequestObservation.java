package dev.vgi.external.observation;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.micrometer.observation.docs.ObservationDocumentation;

/**
 * Documents the observation of a request to storage.
 */
public enum StorageRequestObservation implements ObservationDocumentation {

	/** One request of a transfer, which is one hop, with the wait for its turn. */
	REQUEST {

		@Override
		public Class<? extends ObservationConvention<? extends Observation.Context>> getDefaultConvention() {
			return DefaultStorageRequestObservationConvention.class;
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

		/** Direction of the transfer: {@code fetch} or {@code upload}. */
		DIRECTION("direction"),

		/** Whether it is the second copy of a late request. */
		HEDGE("hedge"),

		/**
		 * How it ended: {@code complete}, {@code timed-out}, {@code failed} or
		 * {@code cancelled}; {@code unknown} while it runs.
		 */
		OUTCOME("outcome"),

		/** What it is for, such as {@code range}. */
		PURPOSE("purpose"),

		/** Class of the status, such as {@code 2xx}; {@code none} without an answer. */
		STATUS("status");

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

		/** Bytes of the body that were received or sent. */
		BYTES("vgi.request.bytes"),

		/** Time from the beginning to the head of the answer, if there was one. */
		FIRST_BYTE("vgi.request.first.byte"),

		/** Which range or part it is for, from 0. */
		INDEX("vgi.request.index"),

		/** Number of the request in its transfer, from 1. */
		NUMBER("vgi.request.number"),

		/** Where its bytes begin. */
		OFFSET("vgi.request.offset"),

		/** The storage's own identifier. */
		REQUEST_ID("vgi.request.id"),

		/** The status, if there was an answer. */
		STATUS_CODE("vgi.request.status"),

		/** Identifier of the transfer, as in log lines. */
		TRANSFER_ID("vgi.transfer.id"),

		/** Time that the request waited for its turn, if that came. */
		WAIT_TURN("vgi.wait.turn");

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
