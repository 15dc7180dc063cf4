package dev.vgi.external.rpc.pipe.server;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.GatheredStream;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.IpcStreamWriter;
import dev.vgi.external.batch.LogMessage;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.rpc.pipe.server.ServedPeer.Answer;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link PipeServer}: streams.
 */
@NullUnmarked
class PipeStreamTests extends AbstractPipeServerTests {

	private static final BatchMetadata CANCEL = BatchMetadata.of(MetadataKeys.CANCEL, "1");

	@Test
	void aProducerTurnsWithEachTick() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("count", 3L)) {
			stream.tick(BatchMetadata.of("app.wish", "more"));
			assertThat(stream.next().values).containsExactly(0L);
			assertThat(stream.tick().values).containsExactly(1L);
			assertThat(stream.tick().values).containsExactly(2L);
			assertThat(stream.tick().data).isEmpty();
			stream.end();
		}
		assertThat(this.controller.ticks.get(0).get("app.wish")).isEqualTo("more");
		assertServes(peer);
		assertThat(this.activity).startsWith("begins", "ends", "begins");
	}

	@Test
	void aStreamMayBeEndedByItsInput() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("count", 3L)) {
			assertThat(stream.tick().values).containsExactly(0L);
			assertThat(stream.finish().data).isEmpty();
		}
		// Before the first turn, too: on an input without columns.
		try (ServedPeer.Stream stream = peer.open("scale", 2L, "log 2")) {
			Answer answer = stream.finish();
			assertThat(answer.logs).containsExactly("message 0", "message 1");
			assertThat(answer.data).isEmpty();
			assertThat(answer.error).isNull();
		}
		assertThat(this.controller.cancelled).isEmpty();
		assertServes(peer);
	}

	@Test
	void aHeaderComesFirstWithTheMessagesOfTheOpening() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("described", 2L, "well")) {
			Answer header = peer.answer();
			assertThat(header.logs).containsExactly("opening");
			assertThat(header.values).extracting(Object::toString).containsExactly("numbers");
			Answer first = stream.tick();
			assertThat(first.logs).isEmpty();
			assertThat(first.values).containsExactly(0L);
			stream.finish();
		}
		assertServes(peer);
	}

	@ParameterizedTest
	@ValueSource(strings = { "fail", "bad header" })
	void anErrorTakesThePlaceOfTheHeader(String how) throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("described", 2L, how)) {
			Answer error = peer.answer();
			assertThat(error.error).isNotNull();
			assertThat(error.schema.getFields()).isEmpty();
			stream.end();
		}
		assertServes(peer);
	}

	@Test
	void anExchangeAnswersEachInput() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 3L, "")) {
			assertThat(stream.exchange(1, 2).values).containsExactly(3L, 6L);
			assertThat(stream.exchange().values).isEmpty();
			assertThat(stream.exchange(5).values).containsExactly(15L);
			assertThat(stream.finish().data).isEmpty();
		}
		assertServes(peer);
	}

	@Test
	void anExchangeMayEmitItsInput() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 3L, "echo")) {
			assertThat(stream.exchange(1, 2).values).containsExactly(1L, 2L);
			assertThat(stream.exchange(5).values).containsExactly(5L);
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void inputsAreWidened() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 3L, "")) {
			VectorSchemaRoot root = VectorSchemaRoot
				.create(new Schema(List.of(Field.nullable("n", new ArrowType.Int(32, true)))), peer.allocator);
			((IntVector) root.getVector(0)).setSafe(0, 14);
			root.setRowCount(1);
			stream.send(AnnotatedBatch.of(root));
			assertThat(stream.next().values).containsExactly(42L);
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void anErrorInATurnEndsTheOutput() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", -1L, "turns 2")) {
			Answer answer = stream.exchange(1);
			assertThat(answer.logs).containsExactly("message 0", "message 1");
			assertThat(answer.error.errorMessage()).isEqualTo("negative");
			// What the peer sends before it notices is read and dropped.
			stream.sendNumbers(2);
			stream.sendNumbers(3);
			assertThat(stream.finish().data).isEmpty();
		}
		assertServes(peer);
		try (ServedPeer.Stream stream = peer.open("count", 2000L)) {
			for (long i = 0; i < 1000; i++) {
				assertThat(stream.tick().values).containsExactly(i);
			}
			assertThat(stream.tick().error.errorMessage()).isEqualTo("one thousand");
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void anInputWithOtherColumnsIsAnErrorOfTheTurn() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 1L, "")) {
			VectorSchemaRoot root = VectorSchemaRoot.create(
					new Schema(
							List.of(Field.nullable("n", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)))),
					peer.allocator);
			((Float8Vector) root.getVector(0)).setSafe(0, 1.5);
			root.setRowCount(1);
			stream.send(AnnotatedBatch.of(root));
			assertThat(stream.next().error.errorType()).isEqualTo("TypeError");
			stream.finish();
		}
		assertServes(peer);
		try (ServedPeer.Stream stream = peer.open("count", 1L)) {
			assertThat(stream.exchange(1).error.errorType()).isEqualTo("TypeError");
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void aCancelledStreamTellsItsController() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("count", 3L)) {
			assertThat(stream.tick().values).containsExactly(0L);
			stream.tick(CANCEL);
			assertThat(stream.finish().error).isNull();
		}
		assertThat(this.controller.cancelled).containsExactly("counter at 1");
		try (ServedPeer.Stream stream = peer.open("scale", 7L, "")) {
			assertThat(stream.exchange(1).values).containsExactly(7L);
			stream.send(AnnotatedBatch.of(CalcController.numbers(peer.allocator)).withMetadata(CANCEL));
			assertThat(stream.finish().error).isNull();
		}
		// Before the first turn the input has no columns.
		try (ServedPeer.Stream stream = peer.open("scale", 8L, "log 1")) {
			stream.tick(CANCEL);
			Answer answer = stream.finish();
			assertThat(answer.logs).containsExactly("message 0");
			assertThat(answer.error).isNull();
		}
		assertThat(this.controller.cancelled).containsExactly("counter at 1", "factor 7", "factor 8");
		try (ServedPeer.Stream stream = peer.open("scale", 13L, "")) {
			stream.tick(CANCEL);
			assertThat(stream.finish().error.errorMessage()).isEqualTo("unlucky");
		}
		assertServes(peer);
	}

	@ParameterizedTest
	@ValueSource(strings = { "log 100000", "fail 100000", "turns 100000" })
	void nobodyWaitsForTheOtherHoweverMuchBothWrite(String how) throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 2L, how)) {
			// The peer writes more than a pipe holds before it reads anything.
			stream.sendNumbers(new long[200_000]);
			Answer answer = how.startsWith("fail") ? peer.answer() : stream.next();
			assertThat(answer.logs).hasSize(100_000);
			if (how.startsWith("fail")) {
				assertThat(answer.error.errorMessage()).isEqualTo("no scale");
				stream.end();
			}
			else {
				assertThat(answer.values).hasSize(200_000);
				stream.finish();
			}
		}
		assertServes(peer);
	}

	@Test
	void aWideOutputBlocksNobody() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("wide", 3000L)) {
			stream.sendNumbers(new long[200_000]);
			assertThat(stream.next().schema.getFields()).hasSize(3000);
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void aFailedOpeningIsAnsweredAtOnce() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 2L, "fail 3")) {
			Answer answer = peer.answer();
			assertThat(answer.logs).hasSize(3);
			assertThat(answer.error.errorMessage()).isEqualTo("no scale");
			stream.sendNumbers(1);
			stream.end();
		}
		assertServes(peer);
	}

	@Test
	void inputsMayBePointers() throws Exception {
		ServedPeer peer = connect();
		String url = this.storage.put("input",
				ServedPeer.bytes(AnnotatedBatch.of(CalcController.numbers(peer.allocator, 20, 21))));
		try (ServedPeer.Stream stream = peer.open("scale", 2L, "")) {
			stream.send(pointer(peer, CalcController.NUMBERS, url));
			assertThat(stream.next().values).containsExactly(40L, 42L);
			assertThat(stream.exchange(1).values).containsExactly(2L);
			stream.finish();
		}
		assertThat(this.storage.opened).hasSize(1);
		try (ServedPeer.Stream stream = peer.open("scale", 2L, "")) {
			// Nothing is fetched for columns that cannot fit.
			stream.send(pointer(peer, new Schema(List.of(Field.nullable("m", new ArrowType.Int(64, true)))), url));
			assertThat(stream.next().error.errorType()).isEqualTo("TypeError");
			stream.finish();
		}
		assertThat(this.storage.opened).hasSize(1);
		assertServes(peer);
	}

	private static AnnotatedBatch pointer(ServedPeer peer, Schema columns, String url) {
		return AnnotatedBatch.empty(columns, BatchMetadata.of(MetadataKeys.LOCATION, url), peer.allocator);
	}

	@Test
	void aLargeTurnIsOneObjectWithItsMessages() throws Exception {
		this.threshold = 1000L;
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 2L, "turns 3")) {
			for (int turn = 1; turn < 4; turn++) {
				Answer answer = stream.exchange(new long[1000]);
				assertThat(answer.logs).isEmpty();
				assertThat(answer.data.get(0).get(MetadataKeys.LOCATION)).isNotNull();
				assertThat(this.storage.uploaded).hasSize(turn);
			}
			assertThat(stream.exchange(1, 2).values).containsExactly(2L, 4L);
			stream.finish();
		}
		byte[] object = this.storage.uploaded.get(0);
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(object), object.length,
				peer.allocator)) {
			reader.nextStream();
			Answer stored = new Answer(reader.schema());
			while (ServedPeer.read(reader, stored)) {
				// All of it.
			}
			assertThat(stored.logs).hasSize(3);
			assertThat(stored.values).hasSize(1000);
		}
		assertServes(peer);
	}

	@Test
	void eachTurnHasABudgetOfItsOwn() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("scale", 2L, "")) {
			// Together more than the whole budget.
			for (int i = 0; i < 8; i++) {
				assertThat(stream.exchange(new long[1 << 20]).values).hasSize(1 << 20);
			}
			Answer answer = stream.exchange(new long[9 << 20]);
			assertThat(answer.kind()).isEqualTo("budget_exhausted");
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void limitsCountForEachTurn() throws Exception {
		this.settings = new PipeSettings(SERVER_ID, false, false, null,
				ReadLimits.defaults().withLogBatches(1).withMetadataSize(2000));
		ServedPeer peer = connect();
		BatchMetadata log = new LogMessage("INFO", "a tick that looks like a message", Map.of()).toMetadata();
		try (ServedPeer.Stream stream = peer.open("count", 10L)) {
			for (int i = 0; i < 5; i++) {
				stream.tick(log);
				assertThat(stream.next().values).hasSize(1);
			}
			stream.tick(BatchMetadata.of("large", "x".repeat(3000)));
			assertThat(stream.next().kind()).isEqualTo("limit_exceeded");
			stream.finish();
		}
		assertServes(peer);
	}

	@Test
	void aStateKeepsWhatIsInIt() throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = open(peer)) {
			for (int round = 0; round < 3; round++) {
				for (long i = 1; i < 6; i++) {
					long kept = (round == 0 && i == 1) ? 100 : (i == 1) ? 5 : i - 1;
					assertThat(stream.exchange(i).values).containsExactly(kept);
				}
			}
			stream.finish();
		}
		peer.pipe.endOutput();
		peer.ends();
		assertThat(this.controller.closings).singleElement().satisfies((each) -> assertThat(each.closed).isOne());
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@ParameterizedTest
	@ValueSource(strings = { "cancel", "bad input", "bad output", "no reference", "break off", "break off in a batch" })
	void aStateIsClosedHoweverTheStreamEnds(String how) throws Exception {
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = open(peer)) {
			assertThat(stream.exchange(1).values).containsExactly(100L);
			switch (how) {
				case "cancel" -> {
					stream.send(AnnotatedBatch.of(CalcController.numbers(peer.allocator)).withMetadata(CANCEL));
					stream.finish();
					assertServes(peer);
				}
				case "bad input" -> {
					stream.send(AnnotatedBatch.of(CalcController.numbers(peer.allocator, 1))
						.withMetadata(BatchMetadata.of(MetadataKeys.LOCATION, "https://elsewhere.example/")));
					stream.finish();
					assertServes(peer);
				}
				case "bad output", "no reference" -> {
					stream.sendNumbers(how.equals("bad output") ? -2 : -1);
					assertThat(stream.finish().error).isNotNull();
					assertServes(peer);
				}
				case "break off" -> peer.pipe.close();
				default -> {
					byte[] bytes = ServedPeer
						.bytes(AnnotatedBatch.of(CalcController.numbers(peer.allocator, new long[100])));
					peer.write(Arrays.copyOf(bytes, 50));
					peer.pipe.close();
				}
			}
		}
		peer.pipe.close();
		peer.ends();
		assertThat(this.controller.closings).isNotEmpty().allSatisfy((each) -> assertThat(each.closed).isOne());
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	private static ServedPeer.Stream open(ServedPeer peer) throws Exception {
		AnnotatedBatch table = AnnotatedBatch.of(CalcController.numbers(peer.allocator, 100));
		return peer.open("keep", table);
	}

	@Test
	void turnsAreCallsOfTheirOwn() throws Exception {
		List<String> events = new CopyOnWriteArrayList<>();
		this.listener.set((call) -> new PipeServerTests.RecordingWatch(call, events));
		ServedPeer peer = connect();
		try (ServedPeer.Stream stream = peer.open("count", 1L)) {
			stream.tick();
			stream.tick();
			stream.finish();
		}
		peer.pipe.endOutput();
		peer.ends();
		assertThat(events.stream().filter((event) -> event.startsWith("begin"))).containsExactly(
				"begin unix Calc.count producer init feedface", "begin unix Calc.count producer exchange ",
				"begin unix Calc.count producer exchange ");
		assertThat(events.stream().filter((event) -> event.startsWith("end"))).hasSize(3)
			.allMatch((event) -> event.endsWith("failure=null refused=false"));
	}

	@Test
	void aPeerMayBreakOffAnywhereInAStream() throws Exception {
		PipeServer server = server(CalcController.class);
		byte[] conversation;
		try (ServedPeer peer = connect(server)) {
			conversation = conversation(peer);
		}
		for (int length = 0; length <= conversation.length; length++) {
			try (ServedPeer peer = connect(server)) {
				peer.write(Arrays.copyOf(conversation, length));
				peer.pipe.endOutput();
				peer.ends();
			}
			assertThat(this.allocator.getAllocatedMemory()).as("after %s bytes", length).isZero();
			assertThat(this.resources.budget().inUse()).isZero();
		}
		assertThat(this.controller.closings).isNotEmpty().allMatch((each) -> each.closed == 1);
	}

	private static byte[] conversation(ServedPeer peer) throws Exception {
		ByteArrayOutputStream bytes = new ByteArrayOutputStream();
		try (AnnotatedBatch table = AnnotatedBatch.of(CalcController.numbers(peer.allocator, 100))) {
			bytes.write(peer.bytes("keep", table));
		}
		List<AnnotatedBatch> inputs = new ArrayList<>();
		for (long i = 0; i < 3; i++) {
			inputs.add(AnnotatedBatch.of(CalcController.numbers(peer.allocator, i)));
		}
		try (GatheredStream stream = IpcStreamWriter.gather(CalcController.NUMBERS, inputs)) {
			stream.writeTo(Channels.newChannel(bytes));
		}
		inputs.forEach(AnnotatedBatch::close);
		return bytes.toByteArray();
	}

	@Test
	void anInputIsReadBeforeTheOutputBegins() throws Exception {
		List<String> events = new CopyOnWriteArrayList<>();
		this.listener.set((call) -> new PipeServerTests.RecordingWatch(call, events));
		ServedPeer peer = connect();
		byte[] conversation = conversation(peer);
		int request = requestLength(conversation, peer.allocator);
		// One byte of the input's schema is missing.
		int schema = schemaLength(conversation, request);
		peer.write(Arrays.copyOf(conversation, request + schema - 1));
		peer.pipe.endOutput();
		peer.ends();
		assertThat(events).anyMatch((event) -> event.startsWith("end sent=false failure=null"));
		try (ServedPeer.Stream stream = peer.new Stream()) {
			// The error that the schema is incomplete, and not the output before it.
			assertThat(stream.next().error).isNotNull();
		}
	}

	private static int requestLength(byte[] conversation, BufferAllocator allocator) {
		try (IpcStreamReader reader = IpcStreamReader.of(new ByteArrayInputStream(conversation), conversation.length,
				allocator)) {
			reader.nextStream();
			reader.endStream();
			return (int) reader.position();
		}
	}

	private static int schemaLength(byte[] conversation, int from) {
		return 8 + ByteBuffer.wrap(conversation).order(ByteOrder.LITTLE_ENDIAN).getInt(from + 4);
	}

}
