package dev.vgi.external.storage.gcs;

import java.io.IOException;
import java.net.SocketException;
import java.time.Duration;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.storage.UploadRefusedException;
import dev.vgi.external.transport.StorageBusyException;
import dev.vgi.external.transport.StorageUnavailableException;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link GcsFailures}.
 */
class GcsFailuresTests {

	@Test
	void iamThatAsksToComeBackLaterIsBusy() {
		assertThat(GcsFailures.signing(iam(429), true)).isInstanceOf(StorageBusyException.class);
		assertThat(GcsFailures.signing(iam(503), true)).isInstanceOf(StorageBusyException.class);
		assertThat(GcsFailures.token("store an object", iam(429))).isInstanceOf(StorageBusyException.class);
		assertThat(GcsFailures.signing(iam(403), true)).isInstanceOf(UploadRefusedException.class);
	}

	@Test
	void requestThatHadNoTurnIsNoReasonToCheckTheEndpoint() {
		StorageBusyException busy = new StorageBusyException("it had no turn", 0, Duration.ofSeconds(30));
		assertThat(GcsFailures.explained("store an object", busy)).isSameAs(busy);
	}

	@Test
	void digitsOfAnAccountAreNoStatus() {
		IOException reset = new IOException("Error getting access token for service account: Connection reset,"
				+ " iss: loader-404@shop-412.iam.gserviceaccount.com", new SocketException("Connection reset"));
		for (VgiExternalException failure : new VgiExternalException[] { GcsFailures.token("store an object", reset),
				GcsFailures.signing(reset, true) }) {
			assertThat(failure).isInstanceOf(StorageUnavailableException.class)
				.hasMessageContaining("the connection was closed")
				.hasMessageNotContaining("404");
		}
	}

	private static IOException iam(int status) {
		return new IOException("Error code " + status + " trying to sign provided bytes: planted");
	}

}
