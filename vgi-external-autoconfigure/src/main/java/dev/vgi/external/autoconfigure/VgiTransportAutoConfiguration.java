package dev.vgi.external.autoconfigure;

import java.net.InetSocketAddress;

import javax.net.ssl.SSLContext;

import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.ssl.NoSuchSslBundleException;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.boot.thread.Threading;
import org.springframework.context.annotation.Bean;
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
	StorageTransport vgiStorageTransport(VgiExternalProperties properties, ObjectProvider<SslBundles> sslBundles) {
		return new StorageTransport(settings(properties.http(), sslBundles.getIfAvailable()), null);
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

}
