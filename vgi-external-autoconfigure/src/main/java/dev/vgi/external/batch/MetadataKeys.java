package dev.vgi.external.batch;

/**
 * The protocol's metadata keys. No other class spells them out.
 */
public final class MetadataKeys {

	/** Prefix of all keys of the protocol. */
	static final String PREFIX = "vgi_rpc.";

	/** Prefix of the features of a connection that is no HTTP. */
	public static final String TRANSPORT = "vgi_rpc.transport.";

	/** Method name of a request; must equal the method in its URL. */
	public static final String METHOD = "vgi_rpc.method";

	/** Version of the request format. */
	public static final String REQUEST_VERSION = "vgi_rpc.request_version";

	/** Version of the service contract, if the service declares one. */
	public static final String PROTOCOL_VERSION = "vgi_rpc.protocol_version";

	/** Name of the protocol (namespaced dialect). */
	public static final String PROTOCOL = "vgi_rpc.protocol";

	/** Free text that correlates a request with its log and error batches. */
	public static final String REQUEST_ID = "vgi_rpc.request_id";

	/** Level of a log or error batch. */
	public static final String LOG_LEVEL = "vgi_rpc.log_level";

	/** Text of a log or error batch. */
	public static final String LOG_MESSAGE = "vgi_rpc.log_message";

	/** JSON object with further fields of a log or error batch. */
	public static final String LOG_EXTRA = "vgi_rpc.log_extra";

	/** Machine-readable kind of an error batch. */
	public static final String ERROR_KIND = "vgi_rpc.error_kind";

	/** Canonical code of an error batch, one of gRPC's names. */
	public static final String ERROR_CODE = "vgi_rpc.error_code";

	/** Typed details of an error batch, a JSON array. */
	public static final String ERROR_DETAILS = "vgi_rpc.error_details";

	/** Identifier of the answering server, 12 hexadecimal digits. */
	public static final String SERVER_ID = "vgi_rpc.server_id";

	/** Cursor token of a stream. */
	public static final String STREAM_STATE = "vgi_rpc.stream_state#b64";

	/** Call token of a stream. */
	public static final String CALL_STATE = "vgi_rpc.call_state#b64";

	/** Its presence requests to cancel a stream. */
	public static final String CANCEL = "vgi_rpc.cancel";

	/** Absolute URL of an externalised batch; makes a batch a pointer. */
	public static final String LOCATION = "vgi_rpc.location";

	/** SHA-256 of the raw stream, 64 lowercase hexadecimal digits. */
	public static final String LOCATION_SHA256 = "vgi_rpc.location.sha256";

	/** Token that renews an expired location; a text without meaning to receivers. */
	public static final String RENEWAL = "vgi_external.renewal";

	/** Where to send the token: a path of the service that was called, without a host. */
	public static final String RENEWAL_PATH = "vgi_external.renewal_path";

	/** Milliseconds that a resolution took; added locally, never sent. */
	public static final String LOCATION_FETCH_MS = "vgi_rpc.location.fetch_ms";

	/** URL that a batch was resolved from; added locally, never sent. */
	public static final String LOCATION_SOURCE = "vgi_rpc.location.source";

	/** Name of the protocol in a description. */
	public static final String PROTOCOL_NAME = "vgi_rpc.protocol_name";

	/** Version of the format of a description. */
	public static final String DESCRIBE_VERSION = "vgi_rpc.describe_version";

	/** Digest of a protocol's description, 64 hexadecimal digits. */
	public static final String PROTOCOL_HASH = "vgi_rpc.protocol_hash";

	/** Whether a peer on the same machine may share memory; {@code true} or not. */
	public static final String TRANSPORT_SHM = "vgi_rpc.transport.shm";

	private MetadataKeys() {
	}

}
