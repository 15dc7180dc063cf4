package dev.vgi.external.autoconfigure;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Arrays;

import javax.net.ssl.SSLContext;

import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.AddressRejectedException;
import dev.vgi.external.transport.HostResolver;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.http.client.InetAddressFilter;
import org.springframework.boot.ssl.NoSuchSslBundleException;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.boot.thread.Threading;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * {@link AutoConfiguration Auto-configuration} of the storage transport of both sides,
 * and of the threads that work beside transfers.
 */
@AutoConfiguration
@EnableConfigurationProperties(VgiExternalProperties.class)
public final class VgiTransportAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	StorageTransport vgiStorageTransport(VgiExternalProperties properties, ObjectProvider<SslBundles> sslBundles,
			ObjectProvider<HostResolver> hostResolver) {
		return new StorageTransport(settings(properties.http(), sslBundles.getIfAvailable()),
				hostResolver.getIfAvailable());
	}

	@Bean
	@ConditionalOnMissingBean
	TransferThreads vgiTransferThreads(Environment environment) {
		return Threading.VIRTUAL.isActive(environment) ? TransferThreads.virtual() : TransferThreads.platform();
	}

	private static TransportSettings settings(VgiExternalProperties.Http http, @Nullable SslBundles sslBundles) {
		VgiExternalProperties.Http.Proxy proxy = http.proxy();
		String bundle = http.ssl().bundle();
		return new TransportSettings(http.connectTimeout(), http.readTimeout(), http.maxConnections(),
				StringUtils.hasText(proxy.host()) ? InetSocketAddress.createUnresolved(proxy.host(), proxy.port())
						: null,
				proxy.username(), proxy.password(),
				StringUtils.hasText(bundle) ? sslContext(bundle, sslBundles) : null);
	}

	private static SSLContext sslContext(String bundle, @Nullable SslBundles sslBundles) {
		try {
			Assert.state(sslBundles != null, "the application has no SSL bundles");
			return sslBundles.getBundle(bundle).createSslContext();
		}
		catch (NoSuchSslBundleException | IllegalStateException ex) {
			throw new StartRefusedException(
					"The SSL bundle '" + bundle + "' of vgi.external.http.ssl.bundle cannot be used: " + ex.getMessage()
							+ ".",
					"Define the bundle below spring.ssl.bundle, or correct or remove vgi.external.http.ssl.bundle.",
					ex);
		}
	}

	/**
	 * Takes the application's filter of addresses, as Boot's own HTTP clients do.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass(InetAddressFilter.class)
	static class AddressFilterConfiguration {

		private static final Log logger = LogFactory.getLog(VgiTransportAutoConfiguration.class);

		@Bean
		@ConditionalOnMissingBean
		@Nullable HostResolver vgiHostResolver(ObjectProvider<InetAddressFilter> filters, VgiExternalProperties properties) {
			InetAddressFilter filter = filters.getIfAvailable();
			if (filter != null && StringUtils.hasText(properties.http().proxy().host())) {
				logger
					.warn("The application's InetAddressFilter does not apply to storage traffic, because the proxy of"
							+ " vgi.external.http.proxy.host looks up all hosts but itself. Only listed hosts are requested");
			}
			return (filter != null) ? new FilteredHosts(filter) : null;
		}

	}

	/**
	 * Connects to hosts that others name only at addresses that the application admits.
	 *
	 * @param filter the application's
	 */
	private record FilteredHosts(InetAddressFilter filter) implements HostResolver {

		@Override
		public InetAddress[] resolve(String host) throws UnknownHostException {
			return InetAddress.getAllByName(host);
		}

		@Override
		public InetAddress[] resolveForeign(String host) throws UnknownHostException {
			InetAddress[] addresses = resolve(host);
			InetAddress[] admitted = Arrays.stream(addresses)
				.filter((address) -> this.filter.matches(address))
				.toArray(InetAddress[]::new);
			if (admitted.length == 0) {
				throw new AddressRejectedException(
						"the application's InetAddressFilter refuses all addresses of host " + host);
			}
			return admitted;
		}

	}

}
