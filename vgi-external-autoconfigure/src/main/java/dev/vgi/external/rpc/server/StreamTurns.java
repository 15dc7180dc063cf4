package dev.vgi.external.rpc.server;

import java.lang.annotation.Annotation;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.method.RpcContractException;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import org.jspecify.annotations.Nullable;

import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.util.Assert;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;

/**
 * Runs the turns of the streams of one controller. Keeps nothing between turns: the
 * transport does, or its caller. Immutable.
 */
public final class StreamTurns {

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
	 * @throws RpcContractException if there is none, or one cannot be called
	 */
	public static StreamTurns of(HandlerMethod handler, BeanFactory beans) {
		Map<String, TurnMethod> turns = find(handler, beans, RpcTurn.class);
		String controller = handler.getBeanType().getName();
		RpcContractException.require(!turns.isEmpty(),
				() -> controller + " declares streams but has no @RpcTurn method");
		turns.values()
			.forEach((turn) -> RpcContractException.require(turn.handler().getMethod().getReturnType() == Turn.class,
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
			TurnMethod other = found.put(turn.state().getName(), turn);
			RpcContractException.require(other == null, () -> "@" + annotation.getSimpleName() + " methods of "
					+ handler.getBeanType().getName() + " share the state " + turn.state().getName());
		}
		return found;
	}

	private static TurnMethod turn(HandlerMethod handler, BeanFactory beans, Method method) {
		Class<?>[] parameters = method.getParameterTypes();
		RpcContractException.require(parameters.length > 0 && parameters[0].isRecord(),
				() -> "The first parameter must be the state, a record: " + method);
		Class<?> state = parameters[0];
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
	 * Run a turn.
	 * @param call the call; owns the batch of the turn
	 * @param state the stream's state
	 * @param input the input, owned by the call; {@code null} for a producer
	 * @param invoker calls the method
	 * @return the turn, which a stream of this kind may return
	 * @throws Exception the exception that the method threw
	 */
	public Turn run(ServedCall call, Record state, @Nullable AnnotatedBatch input, Invoker invoker) throws Exception {
		RpcMethodDescriptor descriptor = call.call().descriptor();
		List<Object> provided = new ArrayList<>(List.of(state, call));
		if (input != null) {
			provided.addAll(List.of(input, input.root()));
		}
		Object returned = invoker.invoke(turn(state).handler(), provided.toArray());
		Assert.state(returned instanceof Turn, () -> descriptor + ": a turn returned no Turn");
		Turn turn = (Turn) returned;
		if (turn.batch() != null) {
			call.call().own(turn.batch());
		}
		Assert.state(turn.ref() == null || (input == null && descriptor.isExternalizing()),
				() -> descriptor + ": a reference is for a producer that may externalise");
		Assert.state(input == null || (turn.batch() != null && turn.nextState() != null),
				() -> descriptor + ": a turn of an exchange must emit a batch and a next state");
		return turn;
	}

	/**
	 * Tell the controller that a stream is cancelled, if it wants to know.
	 * @param call the call
	 * @param state the stream's state
	 * @param invoker calls the method
	 * @throws Exception the exception that the method threw
	 */
	public void cancel(ServedCall call, Record state, Invoker invoker) throws Exception {
		TurnMethod cancel = cancel(state);
		if (cancel != null) {
			invoker.invoke(cancel.handler(), state, call);
		}
	}

	/**
	 * Return the methods that are called with a state.
	 * @return the turns and what is called on cancellation
	 */
	public List<TurnMethod> methods() {
		return Stream.concat(this.turns.values().stream(), this.cancels.values().stream()).toList();
	}

	@Nullable TurnMethod cancel(Record state) {
		return this.cancels.get(state.getClass().getName());
	}

	/**
	 * Find the turn of a state.
	 * @param state the state
	 * @return its method
	 * @throws IllegalStateException if no turn accepts it
	 */
	public TurnMethod turn(Record state) {
		TurnMethod turn = this.turns.get(state.getClass().getName());
		Assert.state(turn != null, () -> this.controller + " has no @RpcTurn method for the state "
				+ state.getClass().getName() + ", only for " + new TreeSet<>(this.turns.keySet()));
		return turn;
	}

	/**
	 * One method.
	 *
	 * @param handler the method, as Spring MVC calls it
	 * @param state the record that it is called with
	 */
	public record TurnMethod(HandlerMethod handler, Class<?> state) {

	}

	/**
	 * Calls a method of a controller.
	 */
	@FunctionalInterface
	public interface Invoker {

		/**
		 * Call a method.
		 * @param handler the method
		 * @param provided arguments by type; the others are resolved
		 * @return the method's result
		 * @throws Exception the exception that the method threw
		 */
		@Nullable Object invoke(HandlerMethod handler, Object... provided) throws Exception;

	}

}
