package dev.vgi.external.rpc.server.http;

import java.util.Locale;

import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.server.StreamTurns;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.util.ReflectionUtils;
import org.springframework.web.method.HandlerMethod;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link StateRows}.
 */
@NullUnmarked
class StateRowsTests {

	@Test
	void statesAreFoundByTheirType() {
		StateRows rows = new StateRows(turns(new Mapped()));
		assertThat(rows.named(State.class.getName())).isSameAs(rows.of(new State(1)));
		assertThat(rows.named("java.lang.Runtime")).isNull();
		assertThatIllegalStateException().isThrownBy(() -> rows.of(new Unmappable(Locale.ROOT)))
			.withMessageContaining("no @RpcTurn method for the state");
	}

	@Test
	void aStateWithoutMappingWorksOnPipesOnly() {
		StreamTurns turns = turns(new NoArrow());
		assertThatIllegalStateException().isThrownBy(() -> new StateRows(turns))
			.withMessageContaining("has no Arrow type");
	}

	private static StreamTurns turns(Object bean) {
		HandlerMethod handler = new HandlerMethod(bean, ReflectionUtils.getAllDeclaredMethods(bean.getClass())[0]);
		return StreamTurns.of(handler, new StaticListableBeanFactory());
	}

	record State(long value) {

	}

	record Unmappable(Locale locale) {

	}

	static class Mapped {

		@RpcTurn
		Turn turn(State state) {
			return Turn.finish();
		}

	}

	static class NoArrow {

		@RpcTurn
		Turn turn(Unmappable state) {
			return Turn.finish();
		}

	}

}
