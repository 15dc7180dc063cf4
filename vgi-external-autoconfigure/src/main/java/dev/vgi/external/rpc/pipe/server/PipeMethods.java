package dev.vgi.external.rpc.pipe.server;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import dev.vgi.external.rpc.server.CallArguments;
import dev.vgi.external.rpc.server.HostedMethods;
import dev.vgi.external.rpc.server.StreamTurns;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.MethodParameter;
import org.springframework.stereotype.Controller;
import org.springframework.util.Assert;
import org.springframework.util.ClassUtils;
import org.springframework.web.method.HandlerMethod;

/**
 * Finds the methods that an application serves, without Spring MVC: those of its
 * controllers. Immutable.
 */
final class PipeMethods {

	private static final String SCOPED_TARGET = "scopedTarget.";

	/** What turns are called with, after the state. */
	private static final Set<Class<?>> PROVIDED = Set.of(RpcContext.class, AnnotatedBatch.class,
			VectorSchemaRoot.class);

	private final RpcMethods methods = new RpcMethods();

	private final HostedMethods hosted;

	private final Map<RpcMethodDescriptor, StreamTurns> turns = new HashMap<>();

	/**
	 * Examine all methods.
	 * @param beans contains the controllers
	 * @param serverId identifier of this process
	 * @throws IllegalStateException if a signature cannot be mapped to Arrow, a stream
	 * has no turn, or two controllers serve one method
	 * @throws HttpOnlyParameterException if a handler needs what only HTTP has
	 */
	PipeMethods(ListableBeanFactory beans, String serverId) {
		List<HandlerMethod> handlers = new ArrayList<>();
		for (String name : beans.getBeanNamesForAnnotation(Controller.class)) {
			Class<?> type = beans.getType(name);
			if (type != null && !name.startsWith(SCOPED_TARGET)) {
				handlers.addAll(handlers(beans, name, ClassUtils.getUserClass(type)));
			}
		}
		requireOneHandlerEach(handlers);
		handlers.forEach((handler) -> examine(handler, beans));
		this.hosted = HostedMethods.of(this.methods, handlers, serverId);
	}

	private List<HandlerMethod> handlers(ListableBeanFactory beans, String name, Class<?> type) {
		List<HandlerMethod> handlers = new ArrayList<>();
		MethodIntrospector
			.selectMethods(type, (MethodIntrospector.MetadataLookup<RpcMethodDescriptor>) this.methods::find)
			.keySet()
			.forEach((method) -> {
				Method invocable = AopUtils.selectInvocableMethod(method, type);
				handlers.add(new HandlerMethod(name, beans, invocable).createWithValidateFlags());
			});
		return handlers;
	}

	private void requireOneHandlerEach(List<HandlerMethod> handlers) {
		Map<String, HandlerMethod> found = new HashMap<>();
		for (HandlerMethod handler : handlers) {
			HandlerMethod other = found.put(String.valueOf(this.methods.find(handler)), handler);
			Assert.state(other == null, () -> "RPC method " + this.methods.find(handler) + " is served by both " + other
					+ " and " + handler);
		}
	}

	private void examine(HandlerMethod handler, ListableBeanFactory beans) {
		RpcMethodDescriptor descriptor = this.methods.find(handler);
		Assert.state(descriptor != null, () -> handler + " is no RPC method");
		CallArguments arguments = arguments();
		requireKnown(handler, 0, arguments::supportsParameter);
		if (descriptor.kind().isStream()) {
			StreamTurns found = StreamTurns.of(handler, beans);
			found.methods()
				.forEach((turn) -> requireKnown(turn.handler(), 1,
						(parameter) -> PROVIDED.contains(parameter.getParameterType())));
			this.turns.put(descriptor, found);
		}
	}

	private static void requireKnown(HandlerMethod handler, int from, Predicate<MethodParameter> known) {
		MethodParameter[] parameters = handler.getMethodParameters();
		for (int i = from; i < parameters.length; i++) {
			if (!known.test(parameters[i])) {
				throw new HttpOnlyParameterException(parameters[i]);
			}
		}
	}

	/**
	 * Return what supplies the arguments of the methods.
	 * @return the resolver
	 */
	CallArguments arguments() {
		return new CallArguments(this.methods);
	}

	/**
	 * Return the methods.
	 * @return the methods, reflection included
	 */
	HostedMethods hosted() {
		return this.hosted;
	}

	/**
	 * Return what runs the turns of a stream.
	 * @param descriptor the method that starts it
	 * @return the turns of its controller
	 */
	StreamTurns turns(RpcMethodDescriptor descriptor) {
		StreamTurns found = this.turns.get(descriptor);
		Assert.state(found != null, () -> descriptor + " is no stream");
		return found;
	}

}
