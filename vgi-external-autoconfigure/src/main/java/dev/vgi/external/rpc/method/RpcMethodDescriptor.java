package dev.vgi.external.rpc.method;

import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.security.Principal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcResult;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.mapping.ValueMappings;
import org.jspecify.annotations.Nullable;

import org.springframework.core.ResolvableType;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;
import org.springframework.web.context.request.WebRequest;

/**
 * One method of a protocol, taken from its declaration. Immutable.
 */
public final class RpcMethodDescriptor {

	/** A client may have no servlets on its class path. */
	private static final List<Class<?>> SERVER_SIDE = Stream
		.concat(Stream.of(RpcContext.class, WebRequest.class, Principal.class, Locale.class),
				Stream.of("jakarta.servlet.ServletRequest", "jakarta.servlet.ServletResponse")
					.filter((name) -> ClassUtils.isPresent(name, RpcMethodDescriptor.class.getClassLoader()))
					.map((name) -> ClassUtils.resolveClassName(name, RpcMethodDescriptor.class.getClassLoader())))
		.collect(Collectors.toUnmodifiableList());

	private static final List<String> SERVER_SIDE_ANNOTATIONS = List.of("org.springframework.web.bind.annotation.",
			"org.springframework.security.");

	private final String name;

	private final String protocol;

	private final @Nullable String protocolVersion;

	private final int[] columns;

	private final RowMapping parameters;

	private final RowMapping result;

	private final MethodKind kind;

	private final @Nullable RecordRow header;

	private final boolean externalizing;

	private final boolean referring;

	/**
	 * Describe a method.
	 * @param declaration the method that carries the annotation
	 * @throws RpcContractException if its signature cannot be mapped to Arrow
	 */
	public RpcMethodDescriptor(Method declaration) {
		RpcMethod method = AnnotatedElementUtils.findMergedAnnotation(declaration, RpcMethod.class);
		if (method == null || !StringUtils.hasText(method.value())) {
			throw new RpcContractException("@RpcMethod without a name: " + declaration, null);
		}
		this.name = StringUtils.trimLeadingCharacter(method.value(), '/');
		Class<?> declaring = declaration.getDeclaringClass();
		RpcService service = AnnotatedElementUtils.findMergedAnnotation(declaring, RpcService.class);
		this.protocol = (service != null && StringUtils.hasText(service.name())) ? service.name()
				: declaring.getSimpleName();
		this.protocolVersion = (service != null && StringUtils.hasText(service.version())) ? service.version() : null;
		this.externalizing = method.externalize() && (service == null || service.externalize());
		this.referring = declaration.getReturnType() == RpcResult.class;
		RpcContractException.require(this.externalizing || !this.referring,
				() -> "RPC method " + declaration + " returns an RpcResult, which may be a pointer, but externalize"
						+ " = false says that its callers refuse pointers");
		List<Parameter> travelling = new ArrayList<>();
		Parameter[] all = declaration.getParameters();
		this.columns = new int[all.length];
		for (int i = 0; i < all.length; i++) {
			this.columns[i] = -1;
			if (travels(all[i])) {
				this.columns[i] = travelling.size();
				travelling.add(all[i]);
			}
		}
		try {
			this.parameters = ValueMappings.ofParameters(travelling);
			this.kind = MethodKind.of(declaration.getReturnType());
			this.result = this.kind.isStream() ? RowMapping.none() : ValueMappings.ofResult(declaration);
			this.header = this.kind.isStream() ? header(declaration) : null;
		}
		catch (IllegalArgumentException ex) {
			throw new RpcContractException("RPC method " + declaration + ": " + ex.getMessage(), ex);
		}
	}

	private static @Nullable RecordRow header(Method declaration) {
		Class<?> type = ResolvableType.forMethodReturnType(declaration).getGeneric(0).resolve();
		return (type == null || type == Void.class) ? null : ValueMappings.ofRecord(type);
	}

	private static boolean travels(Parameter parameter) {
		for (Annotation annotation : parameter.getAnnotations()) {
			String type = annotation.annotationType().getName();
			if (SERVER_SIDE_ANNOTATIONS.stream().anyMatch(type::startsWith)) {
				return false;
			}
		}
		return SERVER_SIDE.stream().noneMatch((type) -> type.isAssignableFrom(parameter.getType()));
	}

	/**
	 * Return the name on the wire.
	 * @return the name, one path segment
	 */
	public String name() {
		return this.name;
	}

	/**
	 * Return the protocol that the method belongs to.
	 * @return its name
	 */
	public String protocol() {
		return this.protocol;
	}

	/**
	 * Return the version that the protocol's contract declares.
	 * @return the version, or {@code null} if it declares none
	 */
	public @Nullable String protocolVersion() {
		return this.protocolVersion;
	}

	/**
	 * Return the column of a parameter.
	 * @param parameter index of the Java parameter
	 * @return index of its column, or -1 if it is not sent
	 */
	public int column(int parameter) {
		return this.columns[parameter];
	}

	/**
	 * Return the mapping of the parameters.
	 * @return a column for each parameter that is sent
	 */
	public RowMapping parameters() {
		return this.parameters;
	}

	/**
	 * Return the mapping of the result.
	 * @return one column, or none for {@code void}
	 */
	public RowMapping result() {
		return this.result;
	}

	/**
	 * Return whether the method has no result.
	 * @return {@code true} for {@code void}
	 */
	public boolean isVoid() {
		return this.result.schema().getFields().isEmpty();
	}

	/**
	 * Return how the method is called.
	 * @return the kind
	 */
	public MethodKind kind() {
		return this.kind;
	}

	/**
	 * Return the mapping of a stream's header.
	 * @return its columns, or {@code null} if the stream has no header
	 */
	public @Nullable RecordRow header() {
		return this.header;
	}

	/**
	 * Return whether results may become pointers.
	 * @return {@code false} for peers that refuse pointers
	 */
	public boolean isExternalizing() {
		return this.externalizing;
	}

	/**
	 * Return whether the Java result is an {@link RpcResult}.
	 * @return {@code true} if it may be a reference
	 */
	public boolean isReferring() {
		return this.referring;
	}

	@Override
	public String toString() {
		return this.protocol + "." + this.name;
	}

}
