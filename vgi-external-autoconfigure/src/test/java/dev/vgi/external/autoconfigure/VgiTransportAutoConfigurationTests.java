package dev.vgi.external.autoconfigure;

import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import com.sun.net.httpserver.HttpServer;
import dev.vgi.external.time.Deadline;
import dev.vgi.external.transport.StorageResponse;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.StorageUnavailableException;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

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

	private static StorageResponse get(StorageTransport transport) throws IOException {
		return transport.get(URI.create("http://storage.invalid/o.arrow"), null, null, UrlValidator.acceptAll(), 0,
				Deadline.in(Duration.ofSeconds(20)));
	}

}
