package dev.vgi.external.rpc.method;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.mapping.RowMapping;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * One protocol that a service hosts, as described to peers.
 *
 * @param name its name
 * @param version the version its contract declares, empty if none
 * @param methods its methods, by name
 */
public record HostedProtocol(String name, String version, List<RpcMethodDescriptor> methods) {

	private static final String HASH_DOMAIN = "vgi_rpc.protocol_hash.v1|";

	private static final JsonMapper JSON = JsonMapper.shared();

	public HostedProtocol {
		methods = methods.stream().sorted(Comparator.comparing(RpcMethodDescriptor::name)).toList();
	}

	/**
	 * Collect the methods of a protocol.
	 * @param name its name
	 * @param methods at least one; the first names the version
	 * @return the protocol
	 */
	public static HostedProtocol of(String name, List<RpcMethodDescriptor> methods) {
		String version = methods.get(0).protocolVersion();
		return new HostedProtocol(name, (version != null) ? version : "", methods);
	}

	/**
	 * Compute the digest of everything that callers of the protocol can notice. It is the
	 * same in every implementation.
	 * @return 64 hexadecimal digits
	 */
	public String hash() {
		List<Map<String, Object>> described = new ArrayList<>();
		for (RpcMethodDescriptor method : this.methods) {
			Map<String, Object> entry = new TreeMap<>();
			entry.put("name", method.name());
			entry.put("type", methodType(method));
			entry.put("has_return", hasReturn(method));
			entry.put("has_header", method.header() != null);
			entry.put("params", tokens(method.parameters()));
			if (hasReturn(method)) {
				entry.put("result", tokens(method.result()));
			}
			if (method.header() != null) {
				entry.put("header", tokens(method.header().row()));
			}
			described.add(entry);
		}
		// Canonical JSON: sorted keys, no blanks, and no numbers, whose notation could
		// differ.
		Map<String, Object> protocol = new LinkedHashMap<>();
		protocol.put("methods", described);
		protocol.put("protocol", this.name);
		try {
			return HexFormat.of()
				.formatHex(MessageDigest.getInstance("SHA-256")
					.digest((HASH_DOMAIN + JSON.writeValueAsString(protocol)).getBytes(StandardCharsets.UTF_8)));
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException("SHA-256 is not available", ex);
		}
	}

	private static List<Map<String, Object>> tokens(RowMapping row) {
		List<Map<String, Object>> tokens = new ArrayList<>();
		for (Field field : row.wireSchema().getFields()) {
			Map<String, Object> token = new TreeMap<>();
			token.put("name", field.getName());
			token.put("nullable", field.isNullable());
			token.put("type", TypeTokens.of(field));
			tokens.add(token);
		}
		return tokens;
	}

	/**
	 * Return a method's kind in the words of peers.
	 * @param method the method
	 * @return {@code unary} or {@code stream}
	 */
	public static String methodType(RpcMethodDescriptor method) {
		return method.kind().isStream() ? "stream" : "unary";
	}

	/**
	 * Return whether a method has a result.
	 * @param method the method
	 * @return {@code false} for streams and {@code void}
	 */
	public static boolean hasReturn(RpcMethodDescriptor method) {
		return !method.kind().isStream() && !method.isVoid();
	}

	/**
	 * Describe a method's parameters.
	 * @param method the method
	 * @return their schema as an IPC message
	 */
	public static byte[] parameters(RpcMethodDescriptor method) {
		return method.parameters().wireSchema().serializeAsMessage();
	}

	/**
	 * Describe a method's result.
	 * @param method the method
	 * @return its schema as an IPC message
	 */
	public static byte[] result(RpcMethodDescriptor method) {
		return method.result().wireSchema().serializeAsMessage();
	}

	/**
	 * Describe the header of a stream.
	 * @param method the method
	 * @return its schema as an IPC message, or {@code null} if there is none
	 */
	public static byte @Nullable [] header(RpcMethodDescriptor method) {
		RecordRow header = method.header();
		Schema schema = (header != null) ? header.row().wireSchema() : null;
		return (schema != null) ? schema.serializeAsMessage() : null;
	}

}
