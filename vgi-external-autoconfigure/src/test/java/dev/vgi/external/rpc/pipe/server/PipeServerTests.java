package dev.vgi.external.rpc.pipe.server;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.BatchMetadata;
import dev.vgi.external.batch.IpcStreamReader;
import dev.vgi.external.batch.MetadataKeys;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcServerCall;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import dev.vgi.external.rpc.pipe.server.ServedPeer.Answer;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.stereotype.Controller;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.context.request.RequestContextHolder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

/**
 * Tests for {@link PipeServer}: what is served, and unary calls.
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
		// Nothing is written after the end.
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
	void largeBatchesGoInlineInBothDirections() throws Exception {
		ServedPeer peer = connect();
		assertThat(peer.call("length", (Object) new byte[5 << 20]).values).containsExactly(5L << 20);
		assertThat((byte[]) peer.call("blob", 20L << 20).values.get(0)).hasSize(20 << 20);
		assertServes(peer);
	}

	@Test
	void transportOptionsSayWhatIsNotThere() throws Exception {
		ServedPeer peer = connect();
		Answer answer = reserved(peer, "__transport_options__");
		assertThat(answer.schema.getFields()).isEmpty();
		assertThat(answer.data).hasSize(1);
		assertThat(answer.data.get(0).get("vgi_rpc.transport.shm")).isEqualTo("false");
		assertThat(answer.data.get(0).get(MetadataKeys.REQUEST_VERSION)).isEqualTo("1");
		assertThat(answer.data.get(0).get(MetadataKeys.SERVER_ID)).isEqualTo(SERVER_ID);
		assertServes(peer);
	}

	@Test
	void methodsAreDescribedInBothDialects() throws Exception {
		ServedPeer peer = connect();
		assertThat(reserved(peer, "__describe__").values).extracting(Object::toString)
			.contains("add", "count", "scale");
		BatchMetadata metadata = ServedPeer.metadata("list_protocols")
			.with(MetadataKeys.PROTOCOL, "vgi_rpc.Reflection.v1");
		peer.write(ServedPeer.bytes(empty(peer, metadata)));
		assertThat(peer.answer().values).hasSize(1);
		assertThat(reserved(peer, "__other__").kind()).isEqualTo("method_not_implemented");
		assertServes(peer);
	}

	private static Answer reserved(ServedPeer peer, String method) throws Exception {
		BatchMetadata metadata = BatchMetadata.of(MetadataKeys.METHOD, method).with(MetadataKeys.REQUEST_VERSION, "1");
		peer.write(ServedPeer.bytes(empty(peer, metadata)));
		return peer.answer();
	}

	private static AnnotatedBatch empty(ServedPeer peer, BatchMetadata metadata) {
		return AnnotatedBatch.empty(new Schema(List.of()), metadata, peer.allocator);
	}

	@Test
	void springValidatesParameters() throws Exception {
		ServedPeer peer = connect();
		Answer answer = peer.call("add", 1L, 1001L);
		assertThat(answer.error.errorType()).isEqualTo("ValueError");
		assertServes(peer);
	}

	@ParameterizedTest
	@CsvSource({ "denied, PERMISSION_DENIED, Access denied", "unknown, UNAUTHENTICATED, Authentication required" })
	void whatSpringSecurityRefusesIsAnErrorThatTellsNothing(String how, String code, String message) throws Exception {
		this.settings = new PipeSettings(SERVER_ID, true, false, null, ReadLimits.defaults());
		ServedPeer peer = connect();
		Answer answer = peer.call("fail", how);
		assertThat(answer.error.errorType()).isEqualTo("PermissionError");
		assertThat(answer.error.errorMessage()).isEqualTo(message);
		assertThat(answer.code()).isEqualTo(code);
		assertThat(answer.errorMetadata.toString()).doesNotContain("secret", "springframework");
		assertServes(peer);
	}

	@Test
	void anErrorOfTheMachineIsAFailureOfTheMethod() throws Exception {
		ServedPeer peer = connect();
		assertThat(peer.call("fail", "error").error.errorMessage()).isEqualTo("too deep");
		assertThat(peer.call("fail", "as usual").error.errorMessage()).isEqualTo("as usual");
		assertServes(peer);
	}

	@Test
	void textsThatAreNoUnicodeEndNoConnection() throws Exception {
		ServedPeer peer = connect();
		assertThat(peer.call("fail", "cut off").error.errorMessage()).isEqualTo("half of it: ?");
		assertServes(peer);
	}

	@Test
	void messagesWhoseFieldsCannotBeWrittenEndNoConnection() throws Exception {
		ServedPeer peer = connect();
		ServedPeer.Answer answer = peer.call("fail", "logs itself");
		assertThat(answer.logs).containsExactly("circle");
		assertThat(answer.error.errorMessage()).isEqualTo("afterwards");
		assertServes(peer);
	}

	@Test
	void callsAreObserved() throws Exception {
		List<String> events = new CopyOnWriteArrayList<>();
		this.listener.set((call) -> new RecordingWatch(call, events));
		ServedPeer peer = connect();
		assertThat(peer.call("add", 1L, 2L).values).containsExactly(3L);
		assertThat(peer.call("fail", "why").error).isNotNull();
		assertThat(peer.call("fail", "denied").error).isNotNull();
		peer.pipe.endOutput();
		peer.ends();
		assertThat(events).containsExactly("begin unix Calc.add unary call feedface", "enter", "leave",
				"end sent=true failure=null refused=false", "begin unix Calc.fail unary call feedface", "enter",
				"leave", "end sent=true failure=why refused=false", "begin unix Calc.fail unary call feedface", "enter",
				"leave", "end sent=true failure=not for you: secret refused=true");
	}

	@Test
	void whatCannotBeClosedAfterACallEndsNoConnection() throws Exception {
		this.listener.set((call) -> {
			RpcCallListener.Watch watch = RpcCallListener.none().begin(call);
			return new RpcCallListener.Watch() {

				@Override
				public void enter() {
					watch.enter();
				}

				@Override
				public void leave() {
					watch.leave();
				}

				@Override
				public void end() {
					throw new IllegalStateException("expected by the test");
				}

			};
		});
		ServedPeer peer = connect();
		assertServes(peer);
		assertServes(peer);
	}

	@Test
	void beansLiveAsLongAsTheCall() throws Exception {
		ServedPeer peer = connect(server(ScopedController.class));
		peer.write(ServedPeer.bytes(empty(peer, BatchMetadata.of(Map.of(MetadataKeys.METHOD, "scoped",
				MetadataKeys.REQUEST_VERSION, "1", MetadataKeys.PROTOCOL, "Scoped")))));
		assertThat(peer.answer().values.get(0)).hasToString("scoped 1");
		peer.pipe.endOutput();
		peer.ends();
		assertThat(ScopedController.DESTROYED).containsExactly("scoped");
		ScopedController.DESTROYED.clear();
	}

	@Test
	void parametersOfHttpAreNamed() {
		assertThatExceptionOfType(HttpOnlyParameterException.class).isThrownBy(() -> server(HeaderController.class))
			.withMessageContaining("Parameter 2")
			.withMessageContaining("HeaderController.read")
			.satisfies((ex) -> assertThat(ex.parameter().getParameterIndex()).isOne());
		assertThatExceptionOfType(HttpOnlyParameterException.class).isThrownBy(() -> server(TurnController.class))
			.withMessageContaining("TurnController.turn");
	}

	@Test
	void twoControllersCannotServeOneMethod() {
		assertThatIllegalStateException().isThrownBy(() -> server(CalcController.class, OtherCalcController.class))
			.withMessageContaining("is served by both");
	}

	@Test
	void anApplicationWithoutMethodsHostsNothing() {
		assertThat(server(PlainController.class).protocols()).isEmpty();
	}

	@Test
	void protocolsAreNamed() {
		assertThat(server(CalcController.class, ScopedController.class).protocols()).containsExactly("Calc", "Scoped");
	}

	@RpcService(name = "Scoped")
	interface ScopedService {

		@RpcMethod("scoped")
		String scoped();

	}

	@Controller
	static class ScopedController implements ScopedService {

		static final List<String> DESTROYED = new CopyOnWriteArrayList<>();

		@Override
		public String scoped() {
			RequestAttributes request = RequestContextHolder.currentRequestAttributes();
			request.registerDestructionCallback("bean", () -> DESTROYED.add(RpcContext.current().method()),
					RequestAttributes.SCOPE_REQUEST);
			request.setAttribute("bean", 1, RequestAttributes.SCOPE_REQUEST);
			return RpcContext.current().method() + " " + request.getAttribute("bean", RequestAttributes.SCOPE_REQUEST);
		}

	}

	@Controller
	static class HeaderController {

		@RpcMethod("read")
		String read(String value, @RequestHeader("X-Header") String header) {
			return value + header;
		}

	}

	@Controller
	static class TurnController {

		@RpcMethod("exchange")
		ExchangeStream<Void> exchange() {
			return ExchangeStream.of(CalcController.NUMBERS, CalcController.NUMBERS, new State());
		}

		@RpcTurn
		Turn turn(State state, HttpServletRequest request) {
			return Turn.finish();
		}

		record State() {

		}

	}

	@Controller
	static class OtherCalcController extends CalcController {

	}

	@Controller
	static class PlainController {

	}

	/** Records what it is told. */
	record RecordingWatch(RpcServerCall call, List<String> events) implements RpcCallListener.Watch {

		RecordingWatch {
			events.add("begin " + call.transport() + " " + call.protocol() + "." + call.method() + " " + call.kind()
					+ " " + call.phase() + " " + call.requestId());
		}

		@Override
		public void enter() {
			this.events.add("enter");
		}

		@Override
		public void leave() {
			this.events.add("leave");
		}

		@Override
		public void end() {
			Throwable failure = this.call.failure();
			this.events.add("end sent=" + (this.call.inlineBytes() > 0) + " failure="
					+ ((failure != null) ? failure.getMessage() : null) + " refused=" + this.call.isRefused());
		}

	}

}
