package dev.vgi.external.autoconfigure;

import java.time.InstantSource;
import java.util.List;
import java.util.function.Function;

import dev.vgi.external.autoconfigure.security.PointerBinding;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.server.http.RpcSettings;
import dev.vgi.external.rpc.server.http.RpcWebMvc;
import dev.vgi.external.rpc.server.http.StreamTokens;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.AddedRoutes;
import dev.vgi.external.web.server.ArrowModule;
import dev.vgi.external.web.server.ArrowWebMvc;
import dev.vgi.external.web.server.CapabilitiesFilter;
import dev.vgi.external.web.server.ContentCodingFilter;
import dev.vgi.external.web.server.LocalStorageController;
import dev.vgi.external.web.server.PointerRenewals;
import dev.vgi.external.web.server.RenewUrlController;
import dev.vgi.external.web.server.RequestUrl;
import dev.vgi.external.web.server.RequestUrl.ForwardedHeaders;
import dev.vgi.external.web.server.ServedArrowHttpMessageConverter;
import dev.vgi.external.web.server.ServedPaths;
import dev.vgi.external.web.server.SignedQueryFilter;
import dev.vgi.external.web.server.UploadUrlController;
import jakarta.servlet.http.HttpServletRequest;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.eclipse.jetty.compression.server.CompressionConfig;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.cloud.CloudPlatform;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.jetty.servlet.JettyServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;
import org.springframework.core.Ordered;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;
import org.springframework.util.StringUtils;
import org.springframework.util.unit.DataSize;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/**
 * {@link AutoConfiguration Auto-configuration} of the server side: Arrow bodies for
 * handler methods, RPC methods, upload URLs, capabilities, content codings and the routes
 * of the local store.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class,
		afterName = "org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration")
@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
@ConditionalOnClass(DispatcherServlet.class)
@ConditionalOnBean(ExternalLocationConfig.class)
@EnableConfigurationProperties(VgiRpcProperties.class)
public final class VgiWebMvcAutoConfiguration {

	/** Before Spring Security's filter, so that refusals have the headers, too. */
	private static final int CAPABILITIES_ORDER = Ordered.HIGHEST_PRECEDENCE + 50;

	private static final String SECURITY = "org.springframework.security.web.SecurityFilterChain";

	private static final Log logger = LogFactory.getLog(VgiWebMvcAutoConfiguration.class);

	@Bean
	@Fallback
	ArrowModule vgiArrowModule() {
		return new ArrowModule();
	}

	@Bean
	@Fallback
	@ConditionalOnMissingBean
	RpcWebMvc vgiRpcWebMvc(VgiRpcProperties properties, VgiExternalProperties external,
			BufferAllocator vgiBufferAllocator, @Qualifier("vgiLocationResolver") LocationResolver resolver,
			Externalizer externalizer, TransferBudget budget, ObjectProvider<RpcCallListener> listener,
			PointerBinding binding, ObjectProvider<PointerRenewals> renewals, Environment environment) {
		RpcSettings settings = new RpcSettings(properties.prefix(), ServerId.VALUE,
				properties.error().includeStacktrace() == VgiRpcProperties.IncludeStacktrace.ALWAYS,
				maxRequestBytes(properties, budget), bytes(properties.maxResponseSize()),
				bytes(properties.maxExternalizedResponseSize()), external.limits().toReadLimits());
		return new RpcWebMvc(settings, vgiBufferAllocator, resolver, externalizer,
				() -> streamTokens(properties, environment), listener.getIfAvailable(RpcCallListener::none),
				pointers(binding, renewals.getIfAvailable())::apply);
	}

	private static Function<@Nullable HttpServletRequest, CallerPointers> pointers(PointerBinding binding,
			@Nullable PointerRenewals renewals) {
		return (request) -> {
			CallerPointers pointers = binding
				.pointers((request != null) ? new ServletRequestAttributes(request) : null);
			return (renewals != null && request != null) ? pointers.renewing(renewals.of(request)) : pointers;
		};
	}

	private static StreamTokens streamTokens(VgiRpcProperties properties, Environment environment) {
		List<TokenKey> keys = properties.toKeys();
		if (keys.isEmpty()) {
			requireOneProcess(environment);
			keys = List.of(TokenKey.random());
		}
		return new StreamTokens(keys, properties.tokenTtl(), InstantSource.system());
	}

	private static void requireOneProcess(Environment environment) {
		if (CloudPlatform.getActive(environment) == CloudPlatform.KUBERNETES) {
			throw new StartRefusedException(
					"The application serves streams on Kubernetes, and each turn of a stream may reach another pod, but"
							+ " there is no key by which pods could open each other's tokens.",
					"""
							Set vgi.rpc.token-keys to 32 random bytes, the same in every pod, for example from a Secret:
							    openssl rand -base64 32""");
		}
		logger.warn("Streams are sealed with a key of this process alone: they end with it, and no other process can"
				+ " go on with them. Set vgi.rpc.token-keys");
	}

	@Bean
	@Fallback
	@ConditionalOnMissingBean
	ArrowWebMvc vgiWebMvcConfigurer(TransferBudget budget, BufferAllocator vgiBufferAllocator,
			@Qualifier("vgiLocationResolver") LocationResolver resolver, Externalizer externalizer,
			VgiRpcProperties rpc, VgiExternalProperties properties, ObjectProvider<LocalStorage> localStorage,
			PointerBinding binding, ObjectProvider<PointerRenewals> renewals) {
		ArrowStreamHttpMessageConverter arrow = new ArrowStreamHttpMessageConverter(vgiBufferAllocator,
				maxRequestBytes(rpc, budget), true, properties.limits().toReadLimits());
		LocalStorage store = (properties.local().baseUrl() == null) ? localStorage.getIfAvailable() : null;
		return new ArrowWebMvc(new ServedArrowHttpMessageConverter(arrow, resolver, externalizer,
				properties.plainClients() == VgiExternalProperties.PlainClients.REDIRECT,
				(store != null) ? store::isOwn : (url) -> false, bytes(rpc.maxExternalizedResponseSize()),
				pointers(binding, renewals.getIfAvailable())), budget, vgiBufferAllocator);
	}

	@Bean
	@ConditionalOnMissingBean
	Capabilities vgiCapabilities(VgiRpcProperties rpc, VgiExternalProperties properties, ExternalLocationConfig config,
			ObjectProvider<UploadUrlProvider> uploadUrls, ObjectProvider<PointerRenewals> renewals,
			TransferBudget budget) {
		UploadUrlProvider provider = uploadUrls.getIfAvailable();
		boolean vends = vendsUploadUrls(properties, provider);
		boolean stores = config.storage() != null;
		long largestUpload = (provider instanceof LocalStorage local) ? local.largestUpload()
				: properties.maxUploadSize();
		return new Capabilities(maxRequestBytes(rpc, budget), bytes(rpc.maxResponseSize()),
				stores ? bytes(rpc.maxExternalizedResponseSize()) : null, stores, ContentCodec.available(), vends,
				largestUpload, renewals.getIfAvailable() != null);
	}

	private static boolean vendsUploadUrls(VgiExternalProperties properties, @Nullable UploadUrlProvider provider) {
		return provider != null && properties.enabled() && !Boolean.FALSE.equals(properties.uploadUrl().enabled());
	}

	// The announced limit must be reachable: a body is in memory twice while its buffer
	// grows, or in addition to the decoder's window and the objects created from it.
	private static long maxRequestBytes(VgiRpcProperties rpc, TransferBudget budget) {
		return Math.min(rpc.maxRequestSize().toBytes(), budget.maxPerRequest() / 2);
	}

	private static @Nullable Long bytes(@Nullable DataSize size) {
		return (size != null) ? size.toBytes() : null;
	}

	@Bean
	ServedPaths vgiServedPaths(VgiRpcProperties rpc, Environment environment,
			@Qualifier("requestMappingHandlerMapping") ObjectProvider<RequestMappingHandlerMapping> mapping) {
		String actuator = environment.getProperty("management.endpoints.web.base-path", "/actuator");
		return new ServedPaths(rpc.prefix(), StringUtils.trimTrailingCharacter(actuator, '/'),
				() -> mapping.getObject().getPatternParser());
	}

	@Bean(defaultCandidate = false)
	FilterRegistrationBean<CapabilitiesFilter> vgiCapabilitiesFilter(Capabilities capabilities, ServedPaths paths,
			ObjectProvider<RpcWebMvc> rpc) {
		// Without RPC methods, only requests with Arrow bodies and those for upload URLs
		// belong to this library.
		FilterRegistrationBean<CapabilitiesFilter> registration = new FilterRegistrationBean<>(new CapabilitiesFilter(
				capabilities, (request) -> paths.bringsArrow(request) || paths.isUploadUrls(request)
						|| paths.isRenewals(request) || rpc.getObject().servesMethods() && paths.isProtocol(request)));
		registration.setOrder(CAPABILITIES_ORDER);
		return registration;
	}

	// The cap applies to every Arrow body that is read. Bodies for the local store are
	// stored unchanged.
	@Bean(defaultCandidate = false)
	FilterRegistrationBean<ContentCodingFilter> vgiContentCodingFilter(VgiRpcProperties rpc, TransferBudget budget,
			ServedPaths paths) {
		FilterRegistrationBean<ContentCodingFilter> registration = new FilterRegistrationBean<>(new ContentCodingFilter(
				(request) -> !paths.isLocalStore(request), maxRequestBytes(rpc, budget), ContentCodec.available()));
		registration.setOrder(CAPABILITIES_ORDER + 1);
		registration.setAsyncSupported(true);
		return registration;
	}

	@Bean(defaultCandidate = false)
	@ConditionalOnBean(LocalStorage.class)
	FilterRegistrationBean<SignedQueryFilter> vgiSignedQueryFilter() {
		FilterRegistrationBean<SignedQueryFilter> registration = new FilterRegistrationBean<>(new SignedQueryFilter());
		registration.setOrder(Ordered.HIGHEST_PRECEDENCE);
		return registration;
	}

	@Bean
	@ConditionalOnBean(LocalStorage.class)
	@ConditionalOnMissingBean
	LocalStorageController vgiLocalStorageController(LocalStorage storage) {
		return new LocalStorageController(storage);
	}

	// Bean methods decide, and not conditions, which are evaluated at build time.
	@Bean
	@ConditionalOnMissingBean
	@Nullable UploadUrlController vgiUploadUrlController(VgiExternalProperties properties,
			ObjectProvider<UploadUrlProvider> uploadUrls, PointerBinding binding, BufferAllocator vgiBufferAllocator,
			RpcWebMvc rpc, ObjectProvider<TransferListener> listeners, ListableBeanFactory beans) {
		UploadUrlProvider provider = uploadUrls.getIfAvailable();
		if (provider == null || !vendsUploadUrls(properties, provider)) {
			return null;
		}
		if (!isSecured(beans)) {
			logger.warn("Nothing secures the route of upload URLs: whoever reaches this service may store"
					+ " objects. Secure it, or set vgi.external.upload-url.enabled=false");
		}
		return new UploadUrlController(provider, vgiBufferAllocator, rpc,
				TransferListener.all(listeners.orderedStream().toList()), pointers(binding, null)::apply);
	}

	@Bean
	@ConditionalOnMissingBean
	@Nullable PointerRenewals vgiPointerRenewals(VgiExternalProperties properties, VgiRpcProperties rpc,
			ExternalLocationConfig config, PointerBinding binding, Environment environment) {
		VgiExternalProperties.Renewal renewal = properties.renewal();
		boolean required = Boolean.TRUE.equals(renewal.enabled());
		List<TokenKey> keys = rpc.toKeys();
		if (required && keys.isEmpty()) {
			throw new StartRefusedException(
					"vgi.external.renewal.enabled is true, but there is no key that seals what callers renew their links"
							+ " with.",
					"""
							Set vgi.rpc.token-keys to 32 random bytes, the same in every process of the service:
							    openssl rand -base64 32
							or do not set vgi.external.renewal.enabled.""");
		}
		ExternalStorage storage = config.storage();
		if (required && properties.enabled() && (storage == null || !storage.signsAgain())) {
			logger.warn("vgi.external.renewal.enabled is true, but " + ((storage != null)
					? "the storage '" + storage.name() + "' does not sign an object twice" : "there is no storage")
					+ ": callers cannot renew their links");
		}
		if (Boolean.FALSE.equals(renewal.enabled()) || keys.isEmpty() || storage == null || !storage.signsAgain()) {
			return null;
		}
		ServiceUrl url = new ServiceUrl(null, environment);
		ForwardedHeaders forwarded = url.forwardedHeaders();
		String dispatcherPath = url.dispatcherPath();
		String route = rpc.prefix() + RenewUrlController.PATH;
		return new PointerRenewals(storage, keys, environment.getProperty("spring.application.name", ""),
				renewal.maxAge(), (request) -> RequestUrl.path(request, forwarded, dispatcherPath) + route,
				InstantSource.system())
			.inGroups((request) -> binding.group(new ServletRequestAttributes(request)));
	}

	@Bean
	@ConditionalOnMissingBean
	@Nullable RenewUrlController vgiRenewUrlController(ObjectProvider<PointerRenewals> renewals,
			BufferAllocator vgiBufferAllocator, RpcWebMvc rpc, ObjectProvider<TransferListener> listeners) {
		PointerRenewals available = renewals.getIfAvailable();
		return (available != null) ? new RenewUrlController(available, vgiBufferAllocator, rpc,
				TransferListener.all(listeners.orderedStream().toList())) : null;
	}

	private static boolean isSecured(ListableBeanFactory beans) {
		ClassLoader classLoader = VgiWebMvcAutoConfiguration.class.getClassLoader();
		return ClassUtils.isPresent(SECURITY, classLoader) && beans
			.getBeanNamesForType(ClassUtils.resolveClassName(SECURITY, classLoader), true, false).length > 0;
	}

	// Once all mappings of the application are known: our handlers go before Spring's,
	// our routes after the application's.
	@Bean(defaultCandidate = false)
	SmartInitializingSingleton vgiRoutes(
			@Qualifier("requestMappingHandlerMapping") RequestMappingHandlerMapping mapping,
			@Qualifier("requestMappingHandlerAdapter") RequestMappingHandlerAdapter adapter, ArrowWebMvc arrow,
			RpcWebMvc rpc, VgiRpcProperties properties, ObjectProvider<UploadUrlController> uploadUrls,
			ObjectProvider<RenewUrlController> renewals, ObjectProvider<LocalStorageController> localStorage) {
		return () -> {
			arrow.install(adapter);
			rpc.install(mapping, adapter);
			AddedRoutes routes = new AddedRoutes(mapping);
			uploadUrls.ifAvailable((controller) -> routes.add(properties.prefix(), controller));
			renewals.ifAvailable((controller) -> routes.add(properties.prefix(), controller));
			localStorage.ifAvailable((controller) -> routes.add("", controller));
		};
	}

	/**
	 * Keeps Jetty's compression away from stored objects. It would decode uploads, so
	 * that their length and digest are no longer those that were announced.
	 */
	@Configuration(proxyBeanMethods = false)
	@ConditionalOnClass({ CompressionHandler.class, JettyServletWebServerFactory.class })
	@ConditionalOnBean(LocalStorage.class)
	static class JettyConfiguration {

		@Bean(defaultCandidate = false)
		WebServerFactoryCustomizer<JettyServletWebServerFactory> vgiJettyCompression(Environment environment) {
			ServiceUrl url = new ServiceUrl(null, environment);
			String objects = url.contextPath() + url.dispatcherPath() + LocalStorage.PATH + "/*";
			CompressionConfig untouched = CompressionConfig.builder()
				.decompressExcludeMethod("PUT")
				.compressExcludeMethod("GET")
				.compressExcludeMethod("HEAD")
				.build();
			return (factory) -> factory.addServerCustomizers((server) -> server.getDescendants(CompressionHandler.class)
				.forEach((compression) -> compression.putConfiguration(objects, untouched)));
		}

	}

}
