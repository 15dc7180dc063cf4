package dev.vgi.external.rpc.server;

import java.util.List;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;

/**
 * The protocol by which peers of the namespaced dialect discover the others. It is hosted
 * like any other, and describes itself, too.
 */
@RpcService(name = ReflectionService.NAME)
interface ReflectionService {

	/** The protocol's name, which includes its version. */
	String NAME = "vgi_rpc.Reflection.v1";

	/**
	 * List the hosted protocols without their methods.
	 * @return the protocols and their digests
	 */
	@RpcMethod("list_protocols")
	ProtocolList listProtocols();

	/**
	 * Describe one protocol.
	 * @param protocol its name
	 * @return its methods and their schemas
	 */
	@RpcMethod("describe")
	ServiceDescription describe(String protocol);

	/**
	 * The protocols that a server hosts.
	 *
	 * @param serverId identifier of the process
	 * @param serverVersion version of the server's build, may be empty
	 * @param requestVersion version of the request format
	 * @param protocols the protocols, this one last
	 */
	record ProtocolList(String serverId, String serverVersion, String requestVersion, List<ProtocolSummary> protocols) {

	}

	/**
	 * One protocol without its methods.
	 *
	 * @param protocol its name
	 * @param protocolVersion the version it declares, may be empty
	 * @param protocolHash digest of its description
	 * @param deprecated whether another protocol should be used
	 * @param deprecationMessage which one
	 * @param features open set of capabilities
	 */
	record ProtocolSummary(String protocol, String protocolVersion, String protocolHash, boolean deprecated,
			String deprecationMessage, List<String> features) {

	}

	/**
	 * One protocol.
	 *
	 * @param protocol its name
	 * @param protocolVersion the version it declares, may be empty
	 * @param protocolHash digest of its description
	 * @param deprecated whether another protocol should be used
	 * @param deprecationMessage which one
	 * @param features open set of capabilities
	 * @param methods its methods, by name
	 */
	record ServiceDescription(String protocol, String protocolVersion, String protocolHash, boolean deprecated,
			String deprecationMessage, List<String> features, List<MethodInfo> methods) {

	}

	/**
	 * One method. Schemas are IPC messages; a schema that does not apply is empty.
	 *
	 * @param name its name
	 * @param methodType {@code unary} or {@code stream}
	 * @param hasReturn whether a unary method returns a value
	 * @param hasHeader whether a stream starts with a header
	 * @param streamKind {@code producer} or {@code exchange}, empty for a unary method
	 * @param paramsSchemaIpc schema of the parameters
	 * @param resultSchemaIpc schema of the result
	 * @param headerSchemaIpc schema of the header
	 * @param idempotency whether a call may be repeated; always {@code unknown} here
	 * @param deprecated whether another method should be used
	 * @param deprecationMessage which one
	 */
	record MethodInfo(String name, String methodType, boolean hasReturn, boolean hasHeader, String streamKind,
			byte[] paramsSchemaIpc, byte[] resultSchemaIpc, byte[] headerSchemaIpc, String idempotency,
			boolean deprecated, String deprecationMessage) {

	}

}
