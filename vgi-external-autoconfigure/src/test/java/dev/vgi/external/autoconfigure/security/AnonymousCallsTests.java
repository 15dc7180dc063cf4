package dev.vgi.external.autoconfigure.security;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;

import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcServerCall;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContextHolder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link AnonymousCalls}.
 */
class AnonymousCallsTests {

	private final List<String> events = new ArrayList<>();

	private @Nullable RuntimeException failure;

	private final RpcCallListener.Watch watch = new AnonymousCalls((call) -> new RpcCallListener.Watch() {

		@Override
		public void enter() {
			AnonymousCallsTests.this.events.add("enter " + caller());
		}

		@Override
		public void leave() {
			AnonymousCallsTests.this.events.add("leave " + caller());
			if (AnonymousCallsTests.this.failure != null) {
				throw AnonymousCallsTests.this.failure;
			}
		}

		@Override
		public void end() {
			AnonymousCallsTests.this.events.add("end " + caller());
		}

	}).begin((RpcServerCall) Proxy.newProxyInstance(RpcServerCall.class.getClassLoader(),
			new Class<?>[] { RpcServerCall.class }, (proxy, method, arguments) -> null));

	private static String caller() {
		Authentication authentication = SecurityContextHolder.getContext().getAuthentication();
		return (authentication != null) ? authentication.getName() + authentication.getAuthorities() : "nobody";
	}

	@AfterEach
	void clear() {
		SecurityContextHolder.clearContext();
	}

	@Test
	void theCallerIsAnonymousWhileAThreadServesTheCall() {
		assertThat(caller()).isEqualTo("nobody");
		this.watch.enter();
		assertThat(caller()).isEqualTo("anonymousUser[ROLE_ANONYMOUS]");
		this.watch.leave();
		assertThat(caller()).isEqualTo("nobody");
		this.watch.end();
		assertThat(this.events).containsExactly("enter anonymousUser[ROLE_ANONYMOUS]",
				"leave anonymousUser[ROLE_ANONYMOUS]", "end nobody");
	}

	@Test
	void nothingIsLeftIfTheOtherListenerFails() {
		this.failure = new IllegalStateException("from the listener");
		this.watch.enter();
		assertThatIllegalStateException().isThrownBy(this.watch::leave);
		assertThat(caller()).isEqualTo("nobody");
	}

}
