package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.observation.RpcObservations;
import dev.vgi.external.observation.RpcServerRequestObservationConvention;
import dev.vgi.external.rpc.MemoryStorage;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.pipe.Pipe;
import dev.vgi.external.rpc.pipe.TextPeer;
import dev.vgi.external.rpc.pipe.server.PipeServer;
import dev.vgi.external.storage.ExternalStorage;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import jakarta.validation.constraints.Size;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.autoconfigure.context.LifecycleAutoConfiguration;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.AbstractApplicationContextRunner;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.validation.autoconfigure.ValidationAutoConfiguration;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.access.prepost.PreAuthorize;
import org.springframework.security.config.annotation.method.configuration.EnableMethodSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.stereotype.Component;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.annotation.RequestScope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

/**
 * Tests for {@link VgiPipeAutoConfiguration}.
 */
@ExtendWith(OutputCaptureExtension.class)
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class VgiPipeAutoConfigurationTests {

	private static final AutoConfigurations OURS = AutoConfigurations.of(VgiTransportAutoConfiguration.class,
			VgiLocalStorageAutoConfiguration.class, VgiExternalAutoConfiguration.class,
			VgiWebMvcAutoConfiguration.class, VgiObservationAutoConfiguration.class, VgiPipeAutoConfiguration.class,
			ObservationAutoConfiguration.class, HttpMessageConvertersAutoConfiguration.class,
			WebMvcAutoConfiguration.class, ValidationAutoConfiguration.class);

	@TempDir
	private Path folder;

	private ApplicationContextRunner alone = new ApplicationContextRunner();

	private WebApplicationContextRunner besideHttp = new WebApplicationContextRunner();

	@BeforeEach
	void setUp() {
		this.alone = new ApplicationContextRunner().withConfiguration(OURS)
			.withUserConfiguration(EchoController.class)
			.withPropertyValues("vgi.external.local.directory=" + this.folder.resolve("store"),
					"vgi.rpc.unix.trusted=true");
		this.besideHttp = new WebApplicationContextRunner().withConfiguration(OURS)
			.withUserConfiguration(EchoController.class)
			.withPropertyValues("vgi.external.local.directory=" + this.folder.resolve("store"),
					"vgi.rpc.unix.trusted=true");
	}

	private Path socket() {
		return this.folder.resolve("rpc.sock");
	}

	private String path() {
		return "vgi.rpc.unix.path=" + socket();
	}

	@Test
	void nothingIsServedUnlessItIsAskedFor() {
		this.alone.run((context) -> assertThat(context.getBeanProvider(PipeServer.class).getIfAvailable()).isNull());
		this.besideHttp
			.run((context) -> assertThat(context.getBeanProvider(PipeServer.class).getIfAvailable()).isNull());
	}

	@Test
	void aSocketIsServedAloneAndBesideHttp(CapturedOutput output) {
		this.alone.withPropertyValues(path()).run((context) -> {
			assertThat(context).hasNotFailed();
			assertServed("rw-------");
		});
		assertThat(socket()).doesNotExist();
		assertThat(output).contains("RPC methods are served on the Unix socket " + socket())
			.contains("callers may send pointers to");
		this.besideHttp.withPropertyValues(path(), "vgi.rpc.unix.mode=0660").run((context) -> {
			assertThat(context).hasNotFailed();
			assertServed("rw-rw----");
		});
		assertThat(socket()).doesNotExist();
	}

	private void assertServed(String mode) throws Exception {
		assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket()))).isEqualTo(mode);
		SocketChannel.open(UnixDomainSocketAddress.of(socket())).close();
	}

	@Test
	void anApplicationThatIsPausedGoesOnLater() {
		this.alone.withPropertyValues(path()).run((context) -> {
			ConfigurableApplicationContext application = (ConfigurableApplicationContext) context
				.getSourceApplicationContext();
			application.stop();
			assertThat(socket()).doesNotExist();
			application.start();
			assertServed("rw-------");
		});
	}

	@Test
	void aCallThatDoesNotEndIsCutOffWhenTheShutdownMayWaitNoLonger() throws Exception {
		try (BufferAllocator allocator = new RootAllocator();
				SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
			TextPeer peer = new TextPeer(Pipe.of(channel, channel), "Echo", allocator);
			this.alone.withConfiguration(AutoConfigurations.of(LifecycleAutoConfiguration.class))
				.withPropertyValues(path(), "spring.lifecycle.timeout-per-shutdown-phase=20ms")
				.run((context) -> {
					channel.connect(UnixDomainSocketAddress.of(socket()));
					peer.send("wait", "for ever");
					context.getBean(EchoController.class).waiting.await();
				});
			assertThatExceptionOfType(IOException.class).isThrownBy(peer::receive);
		}
	}

	@Test
	void theListenerIsThereWithLazyInitialisationToo() {
		this.alone
			.withInitializer(
					(context) -> context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
			.withPropertyValues(path())
			.run((context) -> assertServed("rw-------"));
	}

	// YAML reads 0600 as 384 and 0660 as 432.
	@ParameterizedTest
	@ValueSource(strings = { "384", "432", "600", "0680", "00600", "rw-------" })
	void aModeThatIsNoneFailsTheStart(String mode) {
		this.alone.withPropertyValues(path(), "vgi.rpc.unix.mode=" + mode)
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.hasMessageContaining("vgi.rpc.unix.mode must be four octal digits such as 0660, in quotes in YAML"));
	}

	@Test
	void withSpringSecurityTheSocketHasToBeTrusted() {
		this.alone.withPropertyValues(path(), "vgi.rpc.unix.trusted=false")
			.run((context) -> assertRefused(context.getStartupFailure(), "whose filters do not see",
					"vgi.rpc.unix.trusted=true"));
		this.besideHttp.withPropertyValues(path(), "vgi.rpc.unix.trusted=false")
			.run((context) -> assertRefused(context.getStartupFailure(), "whose filters do not see",
					"vgi.rpc.unix.trusted=true"));
		this.alone.withPropertyValues(path(), "vgi.rpc.unix.trusted=false")
			.withClassLoader(new FilteredClassLoader(SecurityContextHolder.class))
			.run((context) -> assertServed("rw-------"));
		assertThat(socket()).doesNotExist();
	}

	@Test
	void aPathThatCannotBeUsedIsRefused() throws Exception {
		Files.writeString(socket(), "");
		this.alone.withPropertyValues(path())
			.run((context) -> assertRefused(context.getStartupFailure(), "something that is no socket",
					"set vgi.rpc.unix.path to another path"));
		this.alone.withPropertyValues("vgi.rpc.unix.path=" + this.folder + "/none/rpc.sock")
			.run((context) -> assertRefused(context.getStartupFailure(), "There is no folder", "Create the folder"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "vgi.rpc.stdio=true", "vgi.rpc.unix.path=rpc.sock" })
	void withoutMethodsThereIsNothingToServe(String setting) {
		new ApplicationContextRunner().withConfiguration(OURS)
			.withPropertyValues(setting, "vgi.rpc.unix.trusted=true")
			.run((context) -> assertRefused(context.getStartupFailure(), "there are none",
					"Add a controller whose interface has @RpcMethod methods, or remove "
							+ setting.substring(0, setting.indexOf('='))));
	}

	@Test
	void whatIsServedOverPipesGoesToStorageWithoutAWebServer(CapturedOutput output) {
		this.alone.withPropertyValues(path(), "vgi.external.storage=local")
			.run((context) -> assertRefused(context.getStartupFailure(), "no web server",
					"Set vgi.external.local.base-url"));
		MemoryStorage storage = new MemoryStorage();
		this.alone.withPropertyValues(path(), "vgi.external.externalize-threshold=1B")
			.withBean(ExternalStorage.class, () -> storage)
			.run((context) -> {
				try (BufferAllocator allocator = new RootAllocator();
						SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
					new TextPeer(Pipe.of(channel, channel), "Echo", allocator).call("echo", "large");
				}
			});
		assertThat(storage.uploaded).hasSize(1);
		assertThat(output).contains("callers may send pointers to this storage");
	}

	@Test
	void webFluxServesPipesToo() {
		ReactiveWebApplicationContextRunner reactive = new ReactiveWebApplicationContextRunner().withConfiguration(OURS)
			.withUserConfiguration(EchoController.class)
			.withPropertyValues("vgi.external.local.directory=" + this.folder.resolve("store"),
					"vgi.rpc.unix.trusted=true", path());
		reactive.run((context) -> assertRefused(context.getStartupFailure(), "no web server with Spring MVC",
				"set vgi.external.storage to none"));
		reactive.withPropertyValues("vgi.external.local.base-url=https://files.example")
			.run((context) -> assertServed("rw-------"));
	}

	@Test
	void beansMayLiveAsLongAsACallWithoutAWebServerToo() {
		this.alone.withPropertyValues(path())
			.withUserConfiguration(CallBean.class, ScopedController.class)
			.run((context) -> {
				try (BufferAllocator allocator = new RootAllocator();
						SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
					TextPeer peer = new TextPeer(Pipe.of(channel, channel), "Scoped", allocator);
					String first = peer.call("echo", "");
					assertThat(first).isNotEqualTo(peer.call("echo", ""));
				}
			});
		this.alone.run((context) -> assertThat(
				((ConfigurableApplicationContext) context.getSourceApplicationContext()).getBeanFactory()
					.getRegisteredScope("request"))
			.isNull());
	}

	@Test
	void callsAreObservedWithoutAWebServerToo() {
		this.alone.withPropertyValues(path())
			.run((context) -> assertThat(context).hasSingleBean(RpcObservations.class)
				.doesNotHaveBean(RpcServerRequestObservationConvention.class));
	}

	@ParameterizedTest
	@ValueSource(booleans = { true, false })
	void callsAreMadeValidatedAndSecured(boolean besideHttp) {
		AbstractApplicationContextRunner<?, ?, ?> runner = besideHttp
				? this.besideHttp.withUserConfiguration(MethodSecurity.class).withPropertyValues(path())
				: this.alone.withUserConfiguration(MethodSecurity.class).withPropertyValues(path());
		runner.run((context) -> {
			try (BufferAllocator allocator = new RootAllocator();
					SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
				TextPeer peer = new TextPeer(Pipe.of(channel, channel), "Echo", allocator);
				assertThat(peer.call("echo", "hello")).isEqualTo("hello by anonymousUser");
				assertThat(peer.call("echo", "much too long")).contains("Validation failure");
				assertThat(peer.call("for_users", "hello")).contains("Access denied");
				assertThat(peer.call("echo", "hello")).isEqualTo("hello by anonymousUser");
			}
		});
	}

	@Test
	void callsOnSocketsAreObserved() {
		TestObservationRegistry observations = TestObservationRegistry.create();
		this.alone.withPropertyValues(path()).withBean(ObservationRegistry.class, () -> observations).run((context) -> {
			try (BufferAllocator allocator = new RootAllocator();
					SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
				new TextPeer(Pipe.of(channel, channel), "Echo", allocator).call("echo", "hello");
			}
		});
		TestObservationRegistryAssert.assertThat(observations)
			.hasObservationWithNameEqualTo("vgi.rpc.server")
			.that()
			.hasBeenStopped()
			.hasLowCardinalityKeyValue("transport", "unix")
			.hasLowCardinalityKeyValue("rpc.method", "echo");
	}

	@Test
	void aParameterThatOnlyHttpHasIsRefused() {
		new ApplicationContextRunner().withConfiguration(OURS)
			.withUserConfiguration(HeaderController.class)
			.withPropertyValues(path(), "vgi.rpc.unix.trusted=true")
			.run((context) -> assertRefused(context.getStartupFailure(), "Parameter 2 (java.lang.String tenant) of",
					"Remove the parameter"))
			.run((context) -> assertRefused(context.getStartupFailure(), "HeaderController.echo", "RpcContext"));
	}

	@Test
	void aSignatureThatCannotBeMappedIsRefused() {
		new ApplicationContextRunner().withConfiguration(OURS)
			.withUserConfiguration(UnmappableController.class)
			.withPropertyValues("vgi.rpc.stdio=true")
			.run((context) -> assertRefused(context.getStartupFailure(), "Thread", "Correct the signature"));
	}

	private static void assertRefused(@Nullable Throwable failure, String description, String action) {
		FailureAnalysis analysis = new StartRefusedFailureAnalyzer().analyze(Objects.requireNonNull(failure));
		assertThat(analysis).isNotNull();
		assertThat(analysis.getDescription()).contains(description);
		assertThat(analysis.getAction()).contains(action);
	}

	@RpcService(name = "Echo")
	interface Echo {

		@RpcMethod("echo")
		String echo(@Size(max = 5) String text);

		@RpcMethod("for_users")
		String forUsers(String text);

		@RpcMethod("wait")
		String await(String text) throws InterruptedException;

	}

	@RestController
	static class EchoController implements Echo {

		private final CountDownLatch waiting = new CountDownLatch(1);

		@Override
		public String echo(String text) {
			Authentication authentication = SecurityContextHolder.getContext().getAuthentication();
			return text + ((authentication != null) ? " by " + authentication.getName() : "");
		}

		@Override
		@PreAuthorize("isAuthenticated()")
		public String forUsers(String text) {
			return text;
		}

		@Override
		public String await(String text) throws InterruptedException {
			this.waiting.countDown();
			new CountDownLatch(1).await();
			return text;
		}

	}

	@RpcService(name = "Scoped")
	interface Scoped {

		@RpcMethod("echo")
		String echo(String text);

	}

	@RestController
	static class ScopedController implements Scoped {

		private final CallBean bean;

		ScopedController(CallBean bean) {
			this.bean = bean;
		}

		@Override
		public String echo(String text) {
			assertThat(this.bean.name()).isEqualTo(this.bean.name());
			return this.bean.name();
		}

	}

	@Component
	@RequestScope
	static class CallBean {

		private final String name = UUID.randomUUID().toString();

		String name() {
			return this.name;
		}

	}

	@Configuration(proxyBeanMethods = false)
	@EnableMethodSecurity
	static class MethodSecurity {

	}

	@RestController
	static class HeaderController {

		@RpcMethod("echo")
		String echo(String text, @RequestHeader("tenant") String tenant) {
			return text + tenant;
		}

	}

	@RpcService(name = "Unmappable")
	interface Unmappable {

		@RpcMethod("run")
		void run(Thread thread);

	}

	@RestController
	static class UnmappableController implements Unmappable {

		@Override
		public void run(Thread thread) {
		}

	}

}
