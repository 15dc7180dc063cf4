package dev.vgi.external.rpc;

import java.util.LinkedHashMap;
import java.util.Map;

import dev.vgi.external.web.client.CallContext;
import io.micrometer.observation.transport.Kind;
import io.micrometer.observation.transport.SenderContext;

import org.springframework.util.Assert;

/**
 * What is known of a call that a client makes: a unary call from its request to its
 * result, a stream from its opening to its end.
 */
public final class RpcClientObservationContext extends SenderContext<Map<String, String>> {

	private final String protocol;

	private final String method;

	private final String kind;

	private final CallContext traffic;

	private Outcome outcome = Outcome.SUCCESS;

	RpcClientObservationContext(String protocol, String method, String kind, CallContext traffic) {
		super((carrier, key, value) -> {
			Assert.state(carrier != null, "there is a carrier");
			carrier.put(key, value);
		}, Kind.CLIENT);
		setCarrier(new LinkedHashMap<>());
		setRemoteServiceName(protocol);
		this.protocol = protocol;
		this.method = method;
		this.kind = kind;
		this.traffic = traffic;
	}

	/**
	 * Return the name of the protocol.
	 * @return as the interface declares it
	 */
	public String protocol() {
		return this.protocol;
	}

	/**
	 * Return the name of the method on the wire.
	 * @return as the interface declares it
	 */
	public String method() {
		return this.method;
	}

	/**
	 * Return how the method is called.
	 * @return {@code unary}, {@code producer} or {@code exchange}
	 */
	public String kind() {
		return this.kind;
	}

	/**
	 * Return how many bytes the call has moved so far.
	 * @return counters that still run while the call does
	 */
	public CallContext traffic() {
		return this.traffic;
	}

	/**
	 * Return how the call ended.
	 * @return the outcome; of no meaning before the end
	 */
	public Outcome outcome() {
		return this.outcome;
	}

	void ended(Outcome outcome) {
		this.outcome = outcome;
	}

	/**
	 * How a call ends.
	 */
	public enum Outcome {

		/** With its result, or at the end of the stream. */
		SUCCESS,

		/** By the caller, before the service had given everything. */
		CANCELLED,

		/** With an error. */
		ERROR

	}

}
