package dev.vgi.external.rpc.server;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import dev.vgi.external.rpc.RpcBadRequestException;
import dev.vgi.external.rpc.method.HostedProtocol;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import org.jspecify.annotations.Nullable;

import org.springframework.core.MethodIntrospector;
import org.springframework.web.method.HandlerMethod;

/**
 * Which methods are hosted, whatever carries their calls: the protocols by name, the
 * handler of each method, reflection included, and the errors of calls for none of them.
 * Immutable.
 */
public final class HostedMethods {

	private static final HostedMethods NONE = new HostedMethods(Map.of(), Map.of());

	private final Map<String, HostedProtocol> protocols;

	private final Map<String, Map<String, Hosted>> methods;

	private HostedMethods(Map<String, HostedProtocol> protocols, Map<String, Map<String, Hosted>> methods) {
		this.protocols = Collections.unmodifiableMap(protocols);
		this.methods = methods;
	}

	/**
	 * Return methods that host nothing, not even reflection.
	 * @return no methods
	 */
	public static HostedMethods none() {
		return NONE;
	}

	/**
	 * Host the RPC methods among handlers. If there are any, they can be described.
	 * @param methods describes the handlers
	 * @param handlers handlers of any kind
	 * @param serverId identifier of this process
	 * @return the methods
	 * @throws IllegalStateException if a signature cannot be mapped to Arrow
	 */
	public static HostedMethods of(RpcMethods methods, Collection<HandlerMethod> handlers, String serverId) {
		Map<String, List<Hosted>> found = new TreeMap<>();
		for (HandlerMethod handler : handlers) {
			RpcMethodDescriptor descriptor = methods.find(handler);
			if (descriptor != null) {
				found.computeIfAbsent(descriptor.protocol(), (name) -> new ArrayList<>())
					.add(new Hosted(handler, descriptor));
			}
		}
		if (found.isEmpty()) {
			return NONE;
		}
		Map<String, HostedProtocol> protocols = new TreeMap<>();
		found.forEach((name, hosted) -> protocols.put(name,
				HostedProtocol.of(name, hosted.stream().map(Hosted::descriptor).toList())));
		found.put(ReflectionController.PROTOCOL, reflection(methods, new ReflectionController(serverId, protocols)));
		Map<String, Map<String, Hosted>> byName = new HashMap<>();
		found.forEach((name, hosted) -> {
			Map<String, Hosted> all = byName.computeIfAbsent(name, (key) -> new HashMap<>());
			hosted.forEach((each) -> all.put(each.descriptor().name(), each));
		});
		return new HostedMethods(protocols, byName);
	}

	private static List<Hosted> reflection(RpcMethods methods, ReflectionController controller) {
		List<Hosted> hosted = new ArrayList<>();
		MethodIntrospector
			.selectMethods(ReflectionController.class,
					(MethodIntrospector.MetadataLookup<RpcMethodDescriptor>) methods::find)
			.forEach((method, descriptor) -> hosted.add(new Hosted(new HandlerMethod(controller, method), descriptor)));
		return hosted;
	}

	/**
	 * Return the hosted protocols, except for the one that describes them.
	 * @return the protocols by name, in alphabetical order
	 */
	public Map<String, HostedProtocol> protocols() {
		return this.protocols;
	}

	/**
	 * Return all methods of a protocol.
	 * @param protocol its name
	 * @return its methods, none if the protocol is not hosted
	 */
	public Collection<Hosted> methods(String protocol) {
		return this.methods.getOrDefault(protocol, Map.of()).values();
	}

	/**
	 * Find the method that a call names.
	 * @param protocol the protocol, or {@code null} if the call names none
	 * @param method the method
	 * @return the method
	 * @throws RpcBadRequestException if it is not hosted, or the protocol is missing
	 */
	public Hosted require(@Nullable String protocol, String method) {
		Hosted hosted = (protocol != null) ? this.methods.getOrDefault(protocol, Map.of()).get(method) : null;
		if (hosted == null) {
			boolean reserved = method.startsWith("__") && method.endsWith("__");
			throw (protocol != null || reserved) ? unknown(protocol, method)
					: RpcBadRequestException.protocolNotSpecified(this.protocols.keySet());
		}
		return hosted;
	}

	/**
	 * Describe why a call is for none of the methods.
	 * @param protocol the protocol, or {@code null} if the call names none
	 * @param method the method
	 * @return the error
	 */
	public RpcBadRequestException unknown(@Nullable String protocol, String method) {
		if (protocol != null && !this.methods.containsKey(protocol)) {
			return RpcBadRequestException.protocolNotSupported(protocol, this.protocols.keySet());
		}
		return new RpcBadRequestException("MethodNotImplementedError", "method_not_implemented",
				"Unknown method: '" + ((protocol != null) ? protocol + "/" : "") + method + "'");
	}

	/**
	 * Return the protocol that a call without one can only mean.
	 * @return its name, or {@code null} unless exactly one is hosted beside reflection
	 */
	public @Nullable String onlyProtocol() {
		Set<String> names = this.protocols.keySet();
		return (names.size() == 1) ? names.iterator().next() : null;
	}

	/**
	 * A hosted method.
	 *
	 * @param handler the method of a bean
	 * @param descriptor what it is on the wire
	 */
	public record Hosted(HandlerMethod handler, RpcMethodDescriptor descriptor) {
	}

}
