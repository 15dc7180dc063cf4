package dev.vgi.external;

import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * The same attacks on a service that binds pointers to tenants, whom its filter knows for
 * as long as a request has its first thread. All callers have the same principal: none.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BoundTenantsTests extends BoundPointersTests {

	@Override
	protected String binding() {
		return "tenant";
	}

	@Override
	protected String[] credentials(String user) {
		return new String[] { "X-Tenant", user };
	}

}
