package dev.vgi.external.rpc.pipe.server;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.rpc.pipe.server.ServedPeer.Answer;
import dev.vgi.external.storage.ObjectOwner;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PipeServer}: requests that are refused, and what goes on after them.
 */
@NullUnmarked
class PipeRequestTests extends AbstractPipeServerTests {

	private static final Schema NO_COLUMNS = new Schema(List.of());

	@ParameterizedTest
	@CsvSource({ "vgi_rpc.method, , TypeError, , INVALID_ARGUMENT",
			"vgi_rpc.request_version, , VersionError, , INVALID_ARGUMENT",
			"vgi_rpc.request_version, 2, VersionError, , INVALID_ARGUMENT",
			"vgi_rpc.protocol, , ProtocolNotSpecifiedError, protocol_not_specified, INVALID_ARGUMENT",
			"vgi_rpc.protocol, '', ProtocolNotSpecifiedError, protocol_not_specified, INVALID_ARGUMENT",
			"vgi_rpc.protocol, Other, ProtocolNotSupportedError, protocol_not_supported, UNIMPLEMENTED",
			"vgi_rpc.method, nothing, MethodNotImplementedError, method_not_implemented, UNIMPLEMENTED",
			"vgi_rpc.protocol_version, 3.0.0, ProtocolVersionError, protocol_version_mismatch, FAILED_PRECONDITION" })
	void dispatchMetadataIsRequired(String key, String value, String type, String kind, String code) throws Exception {
		ServedPeer peer = connect();
		AnnotatedBatch request = peer.request("add", 1L, 2L);
		BatchMetadata metadata = request.metadata();
		peer.write(ServedPeer
			.bytes(request.withMetadata((value != null) ? metadata.with(key, value) : metadata.without(key))));
		Answer answer = peer.answer();
		assertThat(answer.error.errorType()).isEqualTo(type);
		assertThat(answer.kind()).isEqualTo(kind);
		assertThat(answer.code()).isEqualTo(code);
		assertServes(peer);
	}

	@Test
	void aProtocolMayBeOptionalWhereThereIsOne() throws Exception {
		this.settings = new PipeSettings(SERVER_ID, false, true, null, ReadLimits.defaults());
		ServedPeer peer = connect();
		peer.write(withoutProtocol(peer));
		assertThat(peer.answer().values).containsExactly(3L);
		assertServes(peer);
	}

	@Test
	void aProtocolIsNeverOptionalWhereThereAreTwo() throws Exception {
		this.settings = new PipeSettings(SERVER_ID, false, true, null, ReadLimits.defaults());
		ServedPeer peer = connect(server(CalcController.class, PipeServerTests.ScopedController.class));
		peer.write(withoutProtocol(peer));
		assertThat(peer.answer().kind()).isEqualTo("protocol_not_specified");
		assertServes(peer);
	}

	private static byte[] withoutProtocol(ServedPeer peer) throws Exception {
		AnnotatedBatch request = peer.request("add", 1L, 2L);
		return ServedPeer.bytes(request.withMetadata(request.metadata().without(MetadataKeys.PROTOCOL)));
	}

	@Test
	void whatDoesNotFitTheMethodIsRefused() throws Exception {
		ServedPeer peer = connect();
		for (Field column : List.of(new Field("a", FieldType.notNullable(new ArrowType.Int(32, true)), null),
				new Field("c", FieldType.notNullable(new ArrowType.Int(64, true)), null))) {
			VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(List.of(column)), peer.allocator);
			root.setRowCount(0);
			peer.write(ServedPeer.bytes(AnnotatedBatch.of(root).withMetadata(ServedPeer.metadata("add"))));
			assertThat(peer.answer().error.errorType()).isEqualTo("TypeError");
			assertServes(peer);
		}
	}

	@Test
	void aStreamWithoutBatchIsRefusedLikeOneWithoutMethod() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream nothing = peer.new Stream()) {
			nothing.end();
		}
		assertThat(peer.answer().error.errorMessage()).contains("vgi_rpc.method");
		assertServes(peer);
	}

	@Test
	void theInputOfARefusedStreamIsSwallowedOnce() throws Exception {
		ServedPeer peer = connect();
		for (String refused : List.of("nothing", "scale")) {
			// As the reference's client does: its first batch, then it reads the error.
			AnnotatedBatch request = peer.request("count", 1L);
			peer.write(ServedPeer.bytes(request.withMetadata(request.metadata().with(MetadataKeys.METHOD, refused))));
			try (ServedPeer.Stream stream = peer.new Stream()) {
				stream.sendNumbers(1, 2, 3);
				assertThat(peer.answer().error).isNotNull();
				stream.end();
			}
			assertServes(peer);
			// An input without any batch.
			request = peer.request("count", 1L);
			peer.write(ServedPeer.bytes(request.withMetadata(request.metadata().with(MetadataKeys.METHOD, refused))));
			assertThat(peer.answer().error).isNotNull();
			try (ServedPeer.Stream stream = peer.new Stream()) {
				stream.end();
			}
			assertServes(peer);
			// And once only.
			peer.write(ServedPeer.bytes(AnnotatedBatch.empty(NO_COLUMNS, BatchMetadata.empty(), peer.allocator)));
			assertThat(peer.answer().error.errorMessage()).contains("vgi_rpc.method");
			assertServes(peer);
		}
	}

	@Test
	void nothingIsSwallowedAfterARefusedCall() throws Exception {
		ServedPeer peer = connect();
		AnnotatedBatch request = peer.request("count", 1L);
		peer.write(ServedPeer.bytes(request.withMetadata(request.metadata().with(MetadataKeys.METHOD, "add"))));
		assertThat(peer.answer().error.errorType()).isEqualTo("TypeError");
		peer.write(ServedPeer.bytes(AnnotatedBatch.empty(NO_COLUMNS, BatchMetadata.empty(), peer.allocator)));
		assertThat(peer.answer().error.errorMessage()).contains("vgi_rpc.method");
		assertServes(peer);
	}

	@Test
	void aRequestThatIsTooLargeIsReadToItsEnd() throws Exception {
		ServedPeer peer = connect();
		peer.write(peer.bytes("length", (Object) new byte[70 << 20]));
		Answer answer = peer.answer();
		assertThat(answer.kind()).isEqualTo("budget_exhausted");
		assertThat(answer.code()).isEqualTo("RESOURCE_EXHAUSTED");
		assertThat(answer.errorMetadata.get(MetadataKeys.REQUEST_ID)).isEqualTo("feedface");
		assertServes(peer);
	}

	@Test
	void anInputThatIsTooLargeIsSwallowedToo() throws Exception {
		ServedPeer peer = connect();
		AnnotatedBatch request = peer.request("count", 1L);
		peer.write(ServedPeer.bytes(request.withMetadata(request.metadata().with(MetadataKeys.METHOD, "nothing"))));
		assertThat(peer.answer().error).isNotNull();
		try (ServedPeer.Stream stream = peer.new Stream()) {
			stream.sendNumbers(new long[9 << 20]);
			stream.end();
		}
		assertServes(peer);
		// A request that is too large is answered all the same.
		peer.write(ServedPeer.bytes(AnnotatedBatch.empty(NO_COLUMNS, ServedPeer.metadata("nothing"), peer.allocator)));
		assertThat(peer.answer().error).isNotNull();
		peer.write(peer.bytes("length", (Object) new byte[70 << 20]));
		assertThat(peer.answer().kind()).isEqualTo("budget_exhausted");
		assertServes(peer);
	}

	@Test
	void limitsAreAnsweredAndTheConnectionGoesOn() throws Exception {
		this.settings = new PipeSettings(SERVER_ID, false, false, null,
				ReadLimits.defaults().withFields(50).withMetadataSize(2000));
		ServedPeer peer = connect();
		AnnotatedBatch request = peer.request("add", 1L, 2L);
		peer.write(ServedPeer.bytes(request.withMetadata(request.metadata().with("large", "x".repeat(3000)))));
		assertThat(peer.answer().kind()).isEqualTo("limit_exceeded");
		assertServes(peer);
		List<Field> fields = new ArrayList<>();
		for (int i = 0; i < 60; i++) {
			fields.add(new Field("c" + i, FieldType.nullable(new ArrowType.Int(64, true)), null));
		}
		peer.write(
				ServedPeer.bytes(AnnotatedBatch.empty(new Schema(fields), ServedPeer.metadata("add"), peer.allocator)));
		assertThat(peer.answer().kind()).isEqualTo("limit_exceeded");
		assertServes(peer);
	}

	@Test
	void whatCannotBeReadIsAnsweredIfItsEndIsKnown() throws Exception {
		ServedPeer peer = connect();
		// A method's name that is not UTF-8.
		byte[] bytes = peer.bytes("add", 1L, 2L);
		int at = indexOf(bytes, "vgi_rpc.method");
		int name = indexOf(bytes, "add");
		assertThat(at).isPositive();
		bytes[name] = (byte) 0xFF;
		peer.write(bytes);
		assertThat(peer.answer().error.errorMessage()).contains("UTF-8");
		assertServes(peer);
	}

	@Test
	void rowsWithoutBytesAreChargedLikeOthers() throws Exception {
		ServedPeer peer = connect();
		VectorSchemaRoot root = VectorSchemaRoot
			.create(new Schema(List.of(Field.nullable("a", ArrowType.Null.INSTANCE))), peer.allocator);
		((NullVector) root.getVector(0)).setValueCount(2_000_000_000);
		root.setRowCount(2_000_000_000);
		peer.write(ServedPeer.bytes(AnnotatedBatch.of(root).withMetadata(ServedPeer.metadata("add"))));
		assertThat(peer.answer().error).isNotNull();
		assertServes(peer);
	}

	@ParameterizedTest
	@CsvSource({ "Hello worker", "'Traceback (most recent call last):'", "GET / HTTP/1.1" })
	void whatIsNoArrowEndsTheConnectionAfterAnError(String text) throws Exception {
		ServedPeer peer = connect();
		peer.write((text + "\n").getBytes(StandardCharsets.UTF_8));
		assertThat(peer.answer().error.errorMessage()).contains("no Arrow stream");
		assertEnded(peer);
	}

	@Test
	void lostFramingEndsTheConnectionAfterAnError() throws Exception {
		ServedPeer peer = connect();
		byte[] bytes = peer.bytes("add", 1L, 2L);
		// The second message claims more than any head may have.
		int second = indexOf(bytes, new byte[] { -1, -1, -1, -1 }, 8);
		Arrays.fill(bytes, second + 4, second + 7, (byte) 0x7F);
		bytes[second + 7] = 0x7F;
		peer.write(bytes);
		assertThat(peer.answer().error).isNotNull();
		assertEnded(peer);
	}

	private static void assertEnded(ServedPeer peer) throws Exception {
		peer.ends();
		try (IpcStreamReader reader = peer.reader()) {
			assertThat(reader.nextStream()).isFalse();
		}
	}

	@Test
	void aPeerMayBreakOffAnywhereInARequest() throws Exception {
		PipeServer server = server(CalcController.class);
		byte[] bytes;
		try (ServedPeer peer = connect(server)) {
			bytes = peer.bytes("add", 1L, 2L);
		}
		for (int length = 0; length < bytes.length; length++) {
			try (ServedPeer peer = connect(server)) {
				peer.write(Arrays.copyOf(bytes, length));
				peer.pipe.endOutput();
				peer.ends();
				if (length > 0) {
					assertThat(peer.answer().error).as("after %s of %s bytes", length, bytes.length).isNotNull();
				}
				else {
					assertEnded(peer);
				}
			}
			assertThat(this.allocator.getAllocatedMemory()).isZero();
			assertThat(this.resources.budget().inUse()).isZero();
		}
	}

	@Test
	void aPeerMayCloseBothDirectionsAnywhere() throws Exception {
		PipeServer server = server(CalcController.class);
		byte[] bytes;
		try (ServedPeer peer = connect(server)) {
			bytes = peer.bytes("noisy", 10_000L, false);
		}
		for (int length = 0; length <= bytes.length; length += 7) {
			try (ServedPeer peer = connect(server)) {
				peer.write(Arrays.copyOf(bytes, Math.min(length, bytes.length)));
			}
			assertThat(this.allocator.getAllocatedMemory()).isZero();
		}
		try (ServedPeer peer = connect(server)) {
			peer.write(bytes);
		}
	}

	@Test
	void aPointerStandsForARequest() throws Exception {
		ServedPeer peer = connect();
		byte[] stored = peer.bytes("add", 20L, 22L);
		String url = this.storage.put("arguments", stored);
		peer.write(pointer(peer, "add", url, ServedPeer.metadata("add")));
		assertThat(peer.answer().values).containsExactly(42L);
		// The method is on the wire, whatever the stored batch says.
		peer.write(pointer(peer, "add", url, BatchMetadata.empty()));
		assertThat(peer.answer().error.errorMessage()).contains("vgi_rpc.method");
		peer.write(pointer(peer, "add", url, ServedPeer.metadata("add").without(MetadataKeys.REQUEST_VERSION)));
		assertThat(peer.answer().error.errorType()).isEqualTo("VersionError");
		assertThat(this.storage.opened).hasSize(1);
		// Nothing is fetched for other columns.
		peer.write(pointer(peer, "length", url, ServedPeer.metadata("add")));
		assertThat(peer.answer().error.errorType()).isEqualTo("TypeError");
		assertThat(this.storage.opened).hasSize(1);
		assertServes(peer);
	}

	@Test
	void aPointerToWhatIsNotThePeersIsRefused() throws Exception {
		ServedPeer peer = connect();
		String url = this.storage.put("arguments", peer.bytes("add", 20L, 22L));
		this.pointers = CallerPointers.of(this.storage, ObjectOwner.nobody());
		peer.write(pointer(peer, "add", url, ServedPeer.metadata("add")));
		assertThat(peer.answer().error.errorMessage()).contains("it was not made for the sender of this request");
		assertThat(this.storage.opened).isEmpty();
		assertServes(peer);
	}

	private static byte[] pointer(ServedPeer peer, String columns, String url, BatchMetadata metadata)
			throws Exception {
		return ServedPeer.bytes(AnnotatedBatch.empty(ServedPeer.method(columns).parameters().schema(),
				metadata.with(MetadataKeys.LOCATION, url), peer.allocator));
	}

	@Test
	void largeResultsGoThroughStorage() throws Exception {
		this.threshold = 1000L;
		ServedPeer peer = connect();
		Answer answer = peer.call("blob", 5000L);
		assertThat(answer.data.get(0).get(MetadataKeys.LOCATION)).isNotNull();
		assertThat(this.storage.uploaded).hasSize(1);
		this.storage.failure.set(new IllegalStateException("storage is down"));
		assertThat(peer.call("blob", 5000L).error).isNotNull();
		assertServes(peer);
	}

	private static int indexOf(byte[] bytes, String text) {
		return indexOf(bytes, text.getBytes(StandardCharsets.UTF_8), 0);
	}

	private static int indexOf(byte[] bytes, byte[] part, int from) {
		for (int i = from; i <= bytes.length - part.length; i++) {
			if (Arrays.equals(bytes, i, i + part.length, part, 0, part.length)) {
				return i;
			}
		}
		return -1;
	}

}
