package dev.vgi.external.autoconfigure.security;

import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcServerCall;

import org.springframework.security.authentication.AnonymousAuthenticationToken;
import org.springframework.security.core.authority.SimpleGrantedAuthority;
import org.springframework.security.core.context.SecurityContext;
import org.springframework.security.core.context.SecurityContextHolder;

/**
 * Makes the caller of each call an anonymous one, where no filter does: method security
 * refuses what only known callers may do.
 */
@Internal
public final class AnonymousCalls implements RpcCallListener {

	private final RpcCallListener delegate;

	/**
	 * Create a listener.
	 * @param delegate observes the same calls
	 */
	public AnonymousCalls(RpcCallListener delegate) {
		this.delegate = delegate;
	}

	@Override
	public Watch begin(RpcServerCall call) {
		Watch watch = this.delegate.begin(call);
		return new Watch() {

			@Override
			public void enter() {
				SecurityContext context = SecurityContextHolder.createEmptyContext();
				context.setAuthentication(new AnonymousAuthenticationToken(AnonymousCalls.class.getName(),
						"anonymousUser", List.of(new SimpleGrantedAuthority("ROLE_ANONYMOUS"))));
				SecurityContextHolder.setContext(context);
				watch.enter();
			}

			@Override
			public void leave() {
				try {
					watch.leave();
				}
				finally {
					SecurityContextHolder.clearContext();
				}
			}

			@Override
			public void end() {
				watch.end();
			}

		};
	}

}
