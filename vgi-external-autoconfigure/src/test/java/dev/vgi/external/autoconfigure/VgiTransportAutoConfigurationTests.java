package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.pace.PacedTransfer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.HostResolver;
import dev.vgi.external.transport.RequestBody;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransferRequest;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.beans.factory.NoUniqueBeanDefinitionException;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.http.client.InetAddressFilter;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class VgiTransportAutoConfigurationTests {

	private static final String PROXY = "vgi.external.http.proxy.";

	private final ApplicationContextRunner runner = new ApplicationContextRunner()
		.withConfiguration(AutoConfigurations.of(VgiTransportAutoConfiguration.class));

	@ParameterizedTest
	@ValueSource(strings = { "127.0.0.1", "localhost", "::1", "[::1]", "0:0:0:0:0:0:0:1" })
	void requestsGoToTheProxy(String host) throws Exception {
		InetAddress address = InetAddress.getByName(host);
		Assumptions.assumeTrue(!(address instanceof Inet6Address) || NetworkInterface.getByInetAddress(address) != null,
				"no IPv6 here");
		List<URI> seen = new CopyOnWriteArrayList<>();
		HttpServer proxy = HttpServer.create(new InetSocketAddress(address, 0), 0);
		proxy.createContext("/", (exchange) -> {
			seen.add(exchange.getRequestURI());
			exchange.sendResponseHeaders(200, -1);
			exchange.close();
		});
		proxy.start();
		try {
			this.runner.withPropertyValues(PROXY + "host=" + host, PROXY + "port=" + proxy.getAddress().getPort())
				.run((context) -> {
					try (StorageResponse response = get(context.getBean(StorageTransport.class))) {
						assertThat(response.status()).isEqualTo(200);
					}
				});
		}
		finally {
			proxy.stop(0);
		}
		assertThat(seen).containsExactly(URI.create("http://storage.invalid/o.arrow"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "my_proxy.invalid", "-proxy.invalid" })
	void nobodyElseIsAskedInPlaceOfAProxyWithAnUnusualName(String host) {
		this.runner.withPropertyValues(PROXY + "host=" + host)
			.run((context) -> assertThatExceptionOfType(StorageUnavailableException.class)
				.isThrownBy(() -> get(context.getBean(StorageTransport.class)).close())
				.withMessageContaining("the proxy at " + host)
				.withMessageContaining("its host has no address"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "http://proxy.example", "proxy.example:3128", "proxy example", "user@proxy.example", ":",
			"[::1]:3128", "proxy.example/", "[proxy.example]", "[]" })
	void whatIsNoHostEndsTheStart(String host) {
		this.runner.withPropertyValues(PROXY + "host=" + host)
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.hasMessageContaining("vgi.external.http.proxy.host must be a host name or an address"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "0", "-1", "65536" })
	void whatIsNoPortEndsTheStart(String port) {
		this.runner.withPropertyValues(PROXY + "host=127.0.0.1", PROXY + "port=" + port)
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.hasMessageContaining("vgi.external.http.proxy.port must be from 1 to 65535"));
	}

	@ParameterizedTest
	@ValueSource(strings = { "vgi.external.s3.endpoint", "vgi.external.local.base-url" })
	void aUrlWithoutAHostEndsTheStart(String key) {
		for (String url : List.of("http://minio_server:9000", "minio:9000", "/x", "http://user:pw@minio:9000",
				"http://minio:9000?a=b")) {
			this.runner.withPropertyValues(key + "=" + url)
				.run((context) -> assertThat(context).getFailure()
					.rootCause()
					.hasMessageContaining(key + " must be an absolute URL"));
		}
	}

	@Test
	void anEmptyHostIsNoProxy() {
		this.runner.withPropertyValues(PROXY + "host=")
			.run((context) -> assertThat(context.getBean(VgiExternalProperties.class).http().proxy().host()).isEmpty());
		TransportSettings defaults = TransportSettings.defaults();
		assertThatIllegalArgumentException()
			.isThrownBy(() -> new TransportSettings(defaults.connectTimeout(), defaults.readTimeout(), 1,
					InetSocketAddress.createUnresolved("", 80), null, null, null))
			.withMessageContaining("'proxy' must have a host");
	}

	@Test
	void theApplicationsFilterRefusesAddressesThatOthersName() throws Exception {
		AtomicInteger requests = new AtomicInteger();
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		String url = "http://127.0.0.1:" + server.getAddress().getPort();
		server.createContext("/", (exchange) -> {
			requests.incrementAndGet();
			exchange.sendResponseHeaders(200, -1);
			exchange.close();
		});
		server.createContext("/elsewhere", (exchange) -> {
			exchange.getResponseHeaders().set("Location", url.replace("127.0.0.1", "localhost"));
			exchange.sendResponseHeaders(307, -1);
			exchange.close();
		});
		server.start();
		try {
			this.runner.withBean(InetAddressFilter.class, InetAddressFilter::externalAddresses).run((context) -> {
				StorageTransport transport = context.getBean(StorageTransport.class);
				// Leaves a connection that the refused ones must not use.
				get(transport, url, PacedTransfer.own()).close();
				assertThatExceptionOfType(UrlRejectedException.class)
					.isThrownBy(() -> get(transport, url + "/o?secret", PacedTransfer.foreign()))
					.withMessage("ExternalLocation URL rejected: " + url
							+ "/o: the application's InetAddressFilter refuses all addresses of host 127.0.0.1");
				assertThatExceptionOfType(UrlRejectedException.class)
					.isThrownBy(() -> transport.put(URI.create(url), new NoBody(), Map.of(), UrlValidator.acceptAll(),
							Deadline.in(Duration.ofSeconds(20)), new TransferRequest(PacedTransfer.foreign(), false)))
					.withMessageContaining("InetAddressFilter");
				assertThatExceptionOfType(UrlRejectedException.class)
					.isThrownBy(() -> get(transport, url + "/elsewhere", PacedTransfer.own()))
					.withMessageContaining("InetAddressFilter refuses all addresses of host localhost");
			});
			this.runner
				.withBean(InetAddressFilter.class, () -> InetAddressFilter.of("127.0.0.1"),
						(bean) -> bean.setPrimary(true))
				.withBean("other", InetAddressFilter.class, InetAddressFilter::none)
				.run((context) -> get(context.getBean(StorageTransport.class), url, PacedTransfer.foreign()).close());
		}
		finally {
			server.stop(0);
		}
		assertThat(requests).hasValue(2);
	}

	@Test
	void ofSeveralAddressesThoseThatTheFilterAdmitsAreUsed() throws Exception {
		InetAddress[] all = InetAddress.getAllByName("localhost");
		this.runner.withBean(InetAddressFilter.class, () -> InetAddressFilter.adapt(all[0]::equals))
			.run((context) -> assertThat(context.getBean(HostResolver.class).resolveForeign("localhost"))
				.containsExactly(all[0]));
	}

	@Test
	void severalFiltersAreAsAmbiguousAsForBoot() {
		this.runner.withBean(InetAddressFilter.class, InetAddressFilter::all)
			.withBean("other", InetAddressFilter.class, InetAddressFilter::none)
			.run((context) -> assertThat(context).getFailure()
				.rootCause()
				.isInstanceOf(NoUniqueBeanDefinitionException.class));
	}

	@Test
	void whereBootHasNoFiltersThereIsNone() {
		this.runner.withClassLoader(new FilteredClassLoader(InetAddressFilter.class))
			.run((context) -> assertThat(context).hasSingleBean(StorageTransport.class)
				.doesNotHaveBean(HostResolver.class));
	}

	@Test
	@ExtendWith(OutputCaptureExtension.class)
	void aFilterThatAProxyEvadesIsReported(CapturedOutput output) {
		this.runner.withBean(InetAddressFilter.class, InetAddressFilter::none)
			.withPropertyValues(PROXY + "host=proxy.invalid")
			.run((context) -> assertThat(output).contains("InetAddressFilter does not apply to storage traffic"));
	}

	private static StorageResponse get(StorageTransport transport, String url, PacedTransfer transfer) {
		return transport.get(URI.create(url), null, null, UrlValidator.acceptAll(), 1,
				Deadline.in(Duration.ofSeconds(20)), new TransferRequest(transfer, false));
	}

	private static StorageResponse get(StorageTransport transport) throws IOException {
		return transport.get(URI.create("http://storage.invalid/o.arrow"), null, null, UrlValidator.acceptAll(), 0,
				Deadline.in(Duration.ofSeconds(20)));
	}

	/**
	 * Nothing to send.
	 */
	private static final class NoBody implements RequestBody {

		@Override
		public long length() {
			return 0;
		}

		@Override
		public void writeTo(WritableByteChannel target) {
		}

	}

}
