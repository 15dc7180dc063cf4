package dev.vgi.external.rpc;

import java.lang.reflect.Method;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.TypeReference;
import org.springframework.aot.hint.annotation.ReflectiveRuntimeHintsRegistrar;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link RpcReflectiveProcessor} by way of the annotations that name it.
 */
class RpcReflectiveProcessorTests {

	@ParameterizedTest
	@ValueSource(classes = { Service.class, Controller.class })
	void typesInSignaturesAreReachable(Class<?> bean) throws Exception {
		RuntimeHints hints = process(bean);
		for (Class<?> record : List.of(Outer.class, Inner.class, Key.class, Result.class, Head.class)) {
			assertThat(RuntimeHintsPredicates.reflection().onConstructorInvocation(record.getDeclaredConstructors()[0]))
				.accepts(hints);
			assertThat(RuntimeHintsPredicates.reflection()
				.onMethodInvocation(record.getRecordComponents()[0].getAccessor())).accepts(hints);
		}
		for (Class<?> constants : List.of(Level.class, Colour.class)) {
			assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(constants, "values")).accepts(hints);
		}
		for (Method method : Service.class.getMethods()) {
			assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(method)).accepts(hints);
		}
	}

	@Test
	void turnsAndTheirStatesAreReachable() throws Exception {
		RuntimeHints hints = process(Controller.class);
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Controller.class, "next")).accepts(hints);
		assertThat(RuntimeHintsPredicates.reflection().onMethodInvocation(Controller.class, "cancelled"))
			.accepts(hints);
		for (Class<?> state : List.of(Position.class, Place.class)) {
			assertThat(RuntimeHintsPredicates.reflection().onConstructorInvocation(state.getDeclaredConstructors()[0]))
				.accepts(hints);
		}
	}

	@Test
	void whatIsNotReadByReflectionIsLeftAlone() throws Exception {
		RuntimeHints hints = new RuntimeHints();
		for (Method method : Service.class.getMethods()) {
			new RpcReflectiveProcessor().registerReflectionHints(hints.reflection(), method);
		}
		assertThat(hints.reflection().typeHints()).extracting((hint) -> hint.getType().getName())
			.allMatch((name) -> name.startsWith(RpcReflectiveProcessorTests.class.getName()));
		assertThat(hints.reflection().getTypeHint(TypeReference.of(Unrelated.class))).isNull();
	}

	private static RuntimeHints process(Class<?> type) {
		RuntimeHints hints = new RuntimeHints();
		new ReflectiveRuntimeHintsRegistrar().registerRuntimeHints(hints, type);
		return hints;
	}

	@RpcService
	interface Service {

		@RpcMethod("call")
		RpcResult<Result> call(Optional<Outer> outer, Map<Key, ? extends List<Colour>> colours, long[] numbers,
				VectorSchemaRoot batch);

		@RpcMethod("open")
		ProducerStream<Head> open(Level level);

	}

	private static final class Controller implements Service {

		@Override
		public RpcResult<Result> call(Optional<Outer> outer, Map<Key, ? extends List<Colour>> colours, long[] numbers,
				VectorSchemaRoot batch) {
			throw new UnsupportedOperationException();
		}

		@Override
		public ProducerStream<Head> open(Level level) {
			throw new UnsupportedOperationException();
		}

		@RpcTurn
		Turn next(Position position) {
			return Turn.finish();
		}

		@RpcCancel
		void cancelled(Place place) {
		}

	}

	record Outer(List<Inner> inner, @ArrowField(ArrowField.Type.INT32) int number) {

	}

	record Inner(Level level) {

	}

	record Key(String text) {

	}

	record Result(String text) {

	}

	record Head(long rows) {

	}

	record Position(long row) {

	}

	record Place(int row) {

	}

	record Unrelated(int row) {

	}

	enum Level {

		LOW, HIGH

	}

	enum Colour {

		RED

	}

}
