package dev.vgi.external.rpc;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.Random;

import dev.vgi.external.conformance.ConformanceService;
import dev.vgi.external.rpc.Loopback.Answer;
import dev.vgi.external.rpc.mapping.RowMapping;
import dev.vgi.external.rpc.method.RpcMethodDescriptor;
import dev.vgi.external.rpc.method.RpcMethods;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Sends what a Python client recorded and compares with what the Python server answered.
 */
@NullUnmarked
class GoldenCallTests extends AbstractRpcTests {

	private final RpcMethods methods = new RpcMethods();

	@ParameterizedTest
	@CsvSource({ "add-floats, add_floats", "echo-all-types, echo_all_types", "echo-bool, echo_bool",
			"echo-bounding-box, echo_bounding_box", "echo-bytes, echo_bytes", "echo-dict, echo_dict",
			"echo-enum, echo_enum", "echo-int, echo_int", "echo-list, echo_list", "echo-nested-list, echo_nested_list",
			"echo-optional-point-null, echo_optional_point", "echo-optional-string-null, echo_optional_string",
			"echo-point, echo_point", "echo-string, echo_string", "echo-with-info-log, echo_with_info_log",
			"echo-with-log-extras, echo_with_log_extras", "void-noop, void_noop" })
	void answersAsThePythonServerDid(String recorded, String method) {
		HttpResponse<byte[]> response = this.loopback.post("/" + method, Loopback.ARROW,
				golden(recorded + ".request.arrow"));
		assertThat(response.statusCode()).isEqualTo(200);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error")).isEmpty();
		assertThat(response.headers().firstValue("Content-Type")).hasValue(Loopback.ARROW);
		RowMapping result = descriptor(method).result();
		try (Answer expected = this.loopback.read(golden(recorded + ".response.arrow"));
				Answer actual = this.loopback.read(response.body())) {
			assertThat(actual.error()).isNull();
			assertThat(actual.logs()).isEqualTo(expected.logs());
			assertThat(actual.data().metadata()).isEqualTo(expected.data().metadata());
			assertThat(actual.data().rowCount()).isEqualTo(expected.data().rowCount());
			result.check(expected.data());
			result.check(actual.data());
			assertThat(values(result, actual)).usingRecursiveComparison().isEqualTo(values(result, expected));
		}
	}

	@ParameterizedTest
	@CsvSource({ "raise-value-error, raise_value_error, 200, ValueError,",
			"unknown-method, no_such_method, 404, MethodNotImplementedError, method_not_implemented",
			"unknown-method, echo_string, 400, TypeError,", "not-arrow, echo_int, 400, ValueError,",
			"wrong-schema, echo_int, 400, TypeError,",
			"protocol-version-missing, echo_int, 400, ProtocolVersionError, protocol_version_mismatch",
			"protocol-version-other, echo_int, 400, ProtocolVersionError, protocol_version_mismatch" })
	void failsAsThePythonServerDid(String recorded, String method, int status, String type, String kind) {
		HttpResponse<byte[]> response = this.loopback.post("/" + method, Loopback.ARROW,
				golden(recorded + ".request.arrow"));
		assertThat(response.statusCode()).isEqualTo(status);
		assertThat(response.headers().firstValue("X-VGI-RPC-Error").isPresent()).isEqualTo(status == 200);
		try (Answer actual = this.loopback.read(response.body())) {
			assertThat(actual.error().errorType()).isEqualTo(type);
			assertThat(actual.error().errorKind()).isEqualTo(kind);
			assertThat(actual.error().errorMessage()).isNotEmpty();
			assertThat(actual.error().requestId()).isEqualTo("feedfacefeedface");
		}
	}

	@ParameterizedTest
	@CsvSource({ "add-floats, add_floats", "echo-all-types, echo_all_types", "echo-bounding-box, echo_bounding_box",
			"echo-dict, echo_dict", "echo-enum, echo_enum", "echo-nested-list, echo_nested_list" })
	void damagedRequestsTellNothingOfTheInside(String recorded, String method) {
		byte[] request = golden(recorded + ".request.arrow");
		for (int i = 0; i < 400; i++) {
			Random random = new Random(i);
			byte[] damaged = (i % 4 == 0) ? Arrays.copyOf(request, random.nextInt(request.length)) : request.clone();
			for (int flips = (i % 4 == 0) ? 0 : 1 + random.nextInt(3); flips > 0; flips--) {
				damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
			}
			HttpResponse<byte[]> response = this.loopback.post("/" + method, Loopback.ARROW, damaged);
			try (Answer answer = this.loopback.read(response.body())) {
				if (answer.error() != null) {
					assertThat(answer.error().errorMessage()).as("damage %d", i)
						.doesNotContainPattern("Exception|java\\.|apache|[iI]ndex \\d|Cannot invoke|0x");
				}
				// A length may say more than a message may have, which is no bad request.
				boolean refused = answer.error() != null && !"limit_exceeded".equals(answer.error().errorKind());
				assertThat(response.statusCode()).as("damage %d: %s", i, answer.error()).isEqualTo(refused ? 400 : 200);
			}
		}
	}

	@Test
	void everyConformanceMethodHasAnArrowSide() {
		assertThat(ConformanceService.class.getDeclaredMethods()).hasSizeGreaterThan(50)
			.allSatisfy((method) -> assertThat(this.methods.find(method)).isNotNull());
	}

	private Object[] values(RowMapping result, Answer answer) {
		return result.read(answer.data(), this.allocator, (each) -> {
			throw new IllegalStateException("no embedded batches here");
		});
	}

	private RpcMethodDescriptor descriptor(String name) {
		return Arrays.stream(ConformanceService.class.getDeclaredMethods())
			.map((Method method) -> this.methods.find(method))
			.filter((descriptor) -> descriptor.name().equals(name))
			.findFirst()
			.orElseThrow();
	}

	private static byte[] golden(String name) {
		try (InputStream in = GoldenCallTests.class.getResourceAsStream("golden/" + name)) {
			return in.readAllBytes();
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
