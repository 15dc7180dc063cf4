package dev.vgi.external.rpc.server;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.method.HostedProtocol;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;

/**
 * Describes the hosted protocols, itself included.
 */
public final class ReflectionController implements ReflectionService {

	/** Name of the protocol. */
	public static final String PROTOCOL = ReflectionService.NAME;

	private final String serverId;

	private final Map<String, HostedProtocol> protocols;

	/**
	 * Create a controller.
	 * @param serverId identifier of the process
	 * @param hosted the hosted protocols by name, without this one
	 */
	public ReflectionController(String serverId, Map<String, HostedProtocol> hosted) {
		this.serverId = serverId;
		this.protocols = new LinkedHashMap<>(hosted);
		RpcMethods methods = new RpcMethods();
		List<RpcMethodDescriptor> own = Stream.of(ReflectionService.class.getMethods()).map(methods::find).toList();
		this.protocols.put(PROTOCOL, HostedProtocol.of(PROTOCOL, own));
	}

	@Override
	public ProtocolList listProtocols() {
		Collection<HostedProtocol> hosted = this.protocols.values();
		return new ProtocolList(this.serverId, "", "1",
				hosted.stream()
					.map((each) -> new ProtocolSummary(each.name(), each.version(), each.hash(), false, "", List.of()))
					.toList());
	}

	@Override
	public ServiceDescription describe(String protocol) {
		HostedProtocol hosted = this.protocols.get(protocol);
		if (hosted == null) {
			throw RpcBadRequestException.protocolNotSupported(protocol, this.protocols.keySet());
		}
		return new ServiceDescription(hosted.name(), hosted.version(), hosted.hash(), false, "", List.of(),
				hosted.methods().stream().map(ReflectionController::methodInfo).toList());
	}

	private static MethodInfo methodInfo(RpcMethodDescriptor method) {
		byte[] header = HostedProtocol.header(method);
		boolean returns = HostedProtocol.hasReturn(method);
		return new MethodInfo(method.name(), HostedProtocol.methodType(method), returns, header != null,
				method.kind().isStream() ? method.kind().toString() : "", HostedProtocol.parameters(method),
				returns ? HostedProtocol.result(method) : new byte[0], (header != null) ? header : new byte[0],
				"unknown", false, "");
	}

}
