package dev.vgi.external.autoconfigure;

import java.net.InetSocketAddress;

import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.transport.TransportSettings;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.annotation.Bean;
import org.springframework.util.StringUtils;

/**
 * {@link AutoConfiguration Auto-configuration} of the storage traffic of both sides.
 */
@AutoConfiguration
@ConditionalOnProperty(name = "vgi.external.enabled", matchIfMissing = true)
@EnableConfigurationProperties(VgiExternalProperties.class)
public final class VgiTransportAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	StorageTransport vgiStorageTransport(VgiExternalProperties properties, ObjectProvider<SslBundles> sslBundles) {
		return new StorageTransport(settings(properties.http(), sslBundles.getIfAvailable()), null);
	}

	private static TransportSettings settings(VgiExternalProperties.Http http, @Nullable SslBundles sslBundles) {
		VgiExternalProperties.Http.Proxy proxy = http.proxy();
		String bundle = http.ssl().bundle();
		return new TransportSettings(http.connectTimeout(), http.readTimeout(), http.maxConnections(),
				StringUtils.hasText(proxy.host()) ? InetSocketAddress.createUnresolved(proxy.host(), proxy.port())
						: null,
				proxy.username(), proxy.password(), (StringUtils.hasText(bundle) && sslBundles != null)
						? sslBundles.getBundle(bundle).createSslContext() : null);
	}

}
