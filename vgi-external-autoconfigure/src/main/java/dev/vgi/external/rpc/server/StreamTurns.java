package dev.vgi.external.rpc.server;

import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.mapping.RecordRow;
import dev.vgi.external.rpc.mapping.ValueMappings;
import org.jspecify.annotations.Nullable;

import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;

/**
 * The methods of one controller that run the turns of its streams. Immutable.
 */
final class StreamTurns {

	private final String controller;

	private final Map<String, TurnMethod> turns;

	private final Map<String, TurnMethod> cancels;

	private StreamTurns(String controller, Map<String, TurnMethod> turns, Map<String, TurnMethod> cancels) {
		this.controller = controller;
		this.turns = Map.copyOf(turns);
		this.cancels = Map.copyOf(cancels);
	}

	/**
	 * Find the turns of a controller.
	 * @param handler any handler method of it
	 * @param beans contains its bean
	 * @return its turns
	 * @throws IllegalStateException if there is none, or one cannot be called
	 */
	static StreamTurns of(HandlerMethod handler, BeanFactory beans) {
		Map<String, TurnMethod> turns = find(handler, beans, RpcTurn.class);
		String controller = handler.getBeanType().getName();
		Assert.state(!turns.isEmpty(), () -> controller + " declares streams but has no @RpcTurn method");
		turns.values()
			.forEach((turn) -> Assert.state(turn.handler().getMethod().getReturnType() == Turn.class,
					() -> "@RpcTurn method must return a Turn: " + turn.handler().getMethod()));
		return new StreamTurns(controller, turns, find(handler, beans, RpcCancel.class));
	}

	private static Map<String, TurnMethod> find(HandlerMethod handler, BeanFactory beans,
			Class<? extends Annotation> annotation) {
		Set<Method> methods = MethodIntrospector.selectMethods(handler.getBeanType(),
				(ReflectionUtils.MethodFilter) (method) -> AnnotatedElementUtils.hasAnnotation(method, annotation));
		Map<String, TurnMethod> found = new HashMap<>();
		for (Method method : methods) {
			TurnMethod turn = turn(handler, beans, method);
			TurnMethod other = found.put(turn.state().type().getName(), turn);
			Assert.state(other == null, () -> "@" + annotation.getSimpleName() + " methods of "
					+ handler.getBeanType().getName() + " share the state " + turn.state().type().getName());
		}
		return found;
	}

	private static TurnMethod turn(HandlerMethod handler, BeanFactory beans, Method method) {
		Class<?>[] parameters = method.getParameterTypes();
		Assert.state(parameters.length > 0 && parameters[0].isRecord(),
				() -> "The first parameter must be the state, a record: " + method);
		RecordRow state;
		try {
			state = ValueMappings.ofRecord(parameters[0]);
		}
		catch (IllegalArgumentException ex) {
			throw new IllegalStateException("State of " + method + ": " + ex.getMessage(), ex);
		}
		if (handler.getBean() instanceof String name) {
			Class<?> exposed = beans.getType(name);
			Method invocable = AopUtils.selectInvocableMethod(method,
					(exposed != null) ? exposed : handler.getBeanType());
			return new TurnMethod(new HandlerMethod(name, beans, invocable).createWithValidateFlags(), state);
		}
		Method invocable = AopUtils.selectInvocableMethod(method, handler.getBean().getClass());
		return new TurnMethod(new HandlerMethod(handler.getBean(), invocable).createWithValidateFlags(), state);
	}

	/**
	 * Return the turn for a state that a handler returned.
	 * @param state the state
	 * @return its turn
	 * @throws IllegalStateException if there is none
	 */
	TurnMethod turn(Record state) {
		TurnMethod turn = this.turns.get(state.getClass().getName());
		Assert.state(turn != null, () -> this.controller + " has no @RpcTurn method for the state "
				+ state.getClass().getName() + ", only for " + new TreeSet<>(this.turns.keySet()));
		return turn;
	}

	/**
	 * Return the turn for a state from a token.
	 * @param type name of its class
	 * @return its turn, or {@code null} if there is none
	 */
	@Nullable TurnMethod turn(String type) {
		return this.turns.get(type);
	}

	/**
	 * Return the method to call when a stream is cancelled.
	 * @param state the stream's state
	 * @return the method, or {@code null} if there is none
	 */
	@Nullable TurnMethod cancel(Record state) {
		return this.cancels.get(state.getClass().getName());
	}

	/**
	 * One method.
	 *
	 * @param handler the method, as Spring MVC calls it
	 * @param state how its state is encoded
	 */
	record TurnMethod(HandlerMethod handler, RecordRow state) {

	}

}
