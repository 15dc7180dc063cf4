package dev.vgi.external.rpc.pipe.server;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.rpc.pipe.server.ServedPeer.Answer;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PipeServer}: unary calls.
 */
@NullUnmarked
class PipeServerTests extends AbstractPipeServerTests {

	@Test
	void callsAreServedOneAfterTheOther() throws Exception {
		ServedPeer peer = connect();
		for (long i = 0; i < 100; i++) {
			assertThat(peer.call("add", i, 1L).values).containsExactly(i + 1);
		}
		peer.pipe.endOutput();
		peer.ends();
		assertThat(this.activity).hasSize(200).startsWith("begins", "ends", "begins");
		// Nothing was written after the end.
		try (IpcStreamReader reader = peer.reader()) {
			assertThat(reader.nextStream()).isFalse();
		}
	}

	@Test
	void anErrorComesAfterWhatWasLogged() throws Exception {
		ServedPeer peer = connect();
		Answer answer = peer.call("noisy", 2L, true);
		assertThat(answer.logs).containsExactly("message 0", "message 1");
		assertThat(answer.error.errorType()).isEqualTo("ValueError");
		assertThat(answer.error.errorMessage()).isEqualTo("noise");
		assertThat(answer.errorMetadata.get(MetadataKeys.REQUEST_ID)).isEqualTo("feedface");
		assertThat(answer.errorMetadata.get(MetadataKeys.SERVER_ID)).isEqualTo(SERVER_ID);
		assertThat(answer.schema.getFields()).hasSize(1);
		assertServes(peer);
	}

	@Test
	void manyMessagesBlockNobody() throws Exception {
		ServedPeer peer = connect();
		assertThat(peer.call("noisy", 100_000L, false).logs).hasSize(100_000);
		assertThat(peer.call("noisy", 100_000L, true).logs).hasSize(100_000);
		assertServes(peer);
	}

	@Test
	void transportOptionsSayWhatIsNotThere() throws Exception {
		ServedPeer peer = connect();
		Answer answer = options(peer);
		assertThat(answer.schema.getFields()).isEmpty();
		assertThat(answer.data).hasSize(1);
		assertThat(answer.data.get(0).get("vgi_rpc.transport.shm")).isEqualTo("false");
		assertThat(answer.data.get(0).get(MetadataKeys.REQUEST_VERSION)).isEqualTo("1");
		assertThat(answer.data.get(0).get(MetadataKeys.SERVER_ID)).isEqualTo(SERVER_ID);
		assertServes(peer);
	}

	private static Answer options(ServedPeer peer) throws Exception {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, "__transport_options__")
			.with(MetadataKeys.REQUEST_VERSION, "1");
		peer.write(ServedPeer.bytes(AnnotatedBatch
			.empty(new Schema(List.of()), metadata, peer.allocator)));
		return peer.answer();
	}

}
