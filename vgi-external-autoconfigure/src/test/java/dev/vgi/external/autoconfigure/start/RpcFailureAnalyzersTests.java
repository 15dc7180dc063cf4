package dev.vgi.external.autoconfigure.start;

import java.util.Date;
import java.util.List;

import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatException;

/**
 * Tests for {@link RpcContractFailureAnalyzer} and {@link RpcRouteFailureAnalyzer}, as
 * Boot finds them.
 */
@ExtendWith(OutputCaptureExtension.class)
class RpcFailureAnalyzersTests {

	@Test
	void typeThatArrowDoesNotHaveIsReportedWithoutATrace(CapturedOutput output) {
		refuse(Dates.class);
		assertThat(output)
			.contains("APPLICATION FAILED TO START", "java.util.Date has no Arrow type", "Clock.now()",
					"Change the declaration of the method")
			.doesNotContain("\tat ");
	}

	@Test
	void readerInASignatureIsReportedWithoutATrace(CapturedOutput output) {
		refuse(Readers.class);
		assertThat(output).contains("APPLICATION FAILED TO START", "declare a ProducerStream").doesNotContain("\tat ");
	}

	@Test
	void methodsOfOneNameAreToldHowToShareIt(CapturedOutput output) {
		refuse(First.class, Second.class);
		assertThat(output).contains("APPLICATION FAILED TO START", "Ambiguous mapping", "@RequestMapping(\"/second\")")
			.doesNotContain("\tat ");
	}

	@Test
	void otherHandlersAreLeftToSpring(CapturedOutput output) {
		refuse(First.class, Plain.class);
		assertThat(output).contains("Ambiguous mapping").doesNotContain("@RequestMapping(\"/second\")");
	}

	private static void refuse(Class<?>... controllers) {
		SpringApplication application = new SpringApplication(Application.class);
		application.addPrimarySources(List.of(controllers));
		assertThatException().isThrownBy(() -> application.run("--server.port=0", "--vgi.external.storage=none"));
	}

	@Configuration(proxyBeanMethods = false)
	@EnableAutoConfiguration
	static class Application {

	}

	@RpcService(name = "Clock.v1")
	interface Clock {

		@RpcMethod("now")
		Date now();

	}

	@RpcService(name = "Tables.v1")
	interface Tables {

		@RpcMethod("all")
		ArrowReader all();

	}

	@RpcService(name = "One.v1")
	interface One {

		@RpcMethod("planted")
		long count();

	}

	@RpcService(name = "Two.v1")
	interface Two {

		@RpcMethod("planted")
		long count();

	}

	@RestController
	static class Dates implements Clock {

		@Override
		public Date now() {
			return new Date(0);
		}

	}

	@RestController
	static class Readers implements Tables {

		@Override
		public ArrowReader all() {
			throw new UnsupportedOperationException();
		}

	}

	@RestController
	static class First implements One {

		@Override
		public long count() {
			return 1;
		}

	}

	@RestController
	static class Second implements Two {

		@Override
		public long count() {
			return 2;
		}

	}

	@RestController
	static class Plain {

		@PostMapping("/planted")
		long count() {
			return 3;
		}

	}

}
