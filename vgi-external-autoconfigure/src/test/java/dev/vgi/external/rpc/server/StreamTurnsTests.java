package dev.vgi.external.rpc.server;

import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link StreamTurns}.
 */
class StreamTurnsTests {

	@Test
	void turnsAreFoundByTheTypeOfTheirState() {
		StreamTurns turns = turns(new TwoTurns());
		assertThat(turns.turn(new First(1)).handler().getMethod().getName()).isEqualTo("first");
		assertThat(turns.methods()).extracting(StreamTurns.TurnMethod::state)
			.containsExactlyInAnyOrder(First.class, Second.class, Second.class);
		assertThat(turns.cancel(new Second("x"))).isNotNull();
		assertThat(turns.cancel(new First(1))).isNull();
		assertThatIllegalStateException().isThrownBy(() -> turns.turn(new Other()))
			.withMessageContaining("no @RpcTurn method for the state")
			.withMessageContaining(First.class.getName());
	}

	@ParameterizedTest
	@CsvSource({ "NoTurn, declares streams but has no @RpcTurn method", "NoState, must be the state",
			"StateSecond, must be the state", "SameState, share the state", "NoTurnReturned, must return a Turn" })
	void whatCannotWorkFailsAtStart(String controller, String message) throws Exception {
		Object bean = ReflectionUtils
			.accessibleConstructor(Class.forName(StreamTurnsTests.class.getName() + "$" + controller))
			.newInstance();
		assertThatIllegalStateException().isThrownBy(() -> turns(bean)).withMessageContaining(message);
	}

	private static StreamTurns turns(Object bean) {
		HandlerMethod handler = new HandlerMethod(bean, ReflectionUtils.getAllDeclaredMethods(bean.getClass())[0]);
		return StreamTurns.of(handler, new StaticListableBeanFactory());
	}

	record First(long value) {

	}

	record Second(String value) {

	}

	record Other() {

	}

	static class TwoTurns {

		@RpcTurn
		Turn first(First state) {
			return Turn.finish();
		}

		@RpcTurn
		Turn second(Second state) {
			return Turn.finish();
		}

		@RpcCancel
		void cancel(Second state) {
		}

	}

	static class NoTurn {

		Turn first(First state) {
			return Turn.finish();
		}

	}

	static class NoState {

		@RpcTurn
		Turn first() {
			return Turn.finish();
		}

	}

	static class StateSecond {

		@RpcTurn
		Turn first(String text, First state) {
			return Turn.finish();
		}

	}

	static class SameState {

		@RpcTurn
		Turn first(First state) {
			return Turn.finish();
		}

		@RpcTurn
		Turn again(First state) {
			return Turn.finish();
		}

	}

	static class NoTurnReturned {

		@RpcTurn
		String first(First state) {
			return "";
		}

	}

}
