package dev.vgi.external.autoconfigure;

import java.lang.reflect.Method;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

import dev.vgi.external.codec.ContentCodec;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.server.CycleExternalizer;
import dev.vgi.external.rpc.server.RpcCallListener;
import dev.vgi.external.rpc.server.RpcSettings;
import dev.vgi.external.rpc.server.RpcWebMvc;
import dev.vgi.external.rpc.server.StreamTokens;
import dev.vgi.external.rpc.server.TokenKey;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.ArrowModule;
import dev.vgi.external.web.server.ArrowReturnValueHandler;
import dev.vgi.external.web.server.BatchScope;
import dev.vgi.external.web.server.CapabilitiesFilter;
import dev.vgi.external.web.server.ContentCodingFilter;
import dev.vgi.external.web.server.ExternalErrorResolver;
import dev.vgi.external.web.server.HealthController;
import dev.vgi.external.web.server.LocalStorageController;
import dev.vgi.external.web.server.ServedArrowHttpMessageConverter;
import dev.vgi.external.web.server.ServedPaths;
import dev.vgi.external.web.server.SignedQueryFilter;
import dev.vgi.external.web.server.UploadUrlController;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
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
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Fallback;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.http.converter.HttpMessageConverters;
import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;
import org.springframework.util.StringUtils;
import org.springframework.util.unit.DataSize;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.servlet.DispatcherServlet;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.RequestMappingInfo;
import org.springframework.web.servlet.mvc.method.annotation.ExceptionHandlerExceptionResolver;
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

	private final String serverId = String.format("%012x", ThreadLocalRandom.current().nextLong(1L << 48));

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
			Externalizer externalizer, TransferBudget budget, ObjectProvider<RpcCallListener> listener) {
		RpcSettings settings = new RpcSettings(properties.prefix(), this.serverId,
				properties.error().includeStacktrace() == VgiRpcProperties.IncludeStacktrace.ALWAYS,
				maxRequestBytes(properties, budget), bytes(properties.maxResponseSize()),
				bytes(properties.maxExternalizedResponseSize()), external.limits().toReadLimits());
		List<TokenKey> keys = properties.tokenKeys().isEmpty() ? List.of(TokenKey.random()) : properties.toKeys();
		return new RpcWebMvc(settings, vgiBufferAllocator, resolver::resolve, CycleExternalizer.of(externalizer),
				new StreamTokens(keys, properties.tokenTtl(), InstantSource.system()),
				listener.getIfAvailable(RpcCallListener::none));
	}

	// Before the converters of Boot and the application, which would accept Arrow values,
	// too.
	@Bean
	@Fallback
	@Order(Ordered.HIGHEST_PRECEDENCE)
	WebMvcConfigurer vgiWebMvcConfigurer(TransferBudget budget, BufferAllocator vgiBufferAllocator,
			@Qualifier("vgiLocationResolver") LocationResolver resolver, Externalizer externalizer,
			VgiRpcProperties rpc, VgiExternalProperties properties, ObjectProvider<LocalStorage> localStorage) {
		BatchScope.Interceptor scopes = new BatchScope.Interceptor(budget, vgiBufferAllocator);
		ArrowStreamHttpMessageConverter arrow = new ArrowStreamHttpMessageConverter(vgiBufferAllocator,
				maxRequestBytes(rpc, budget), true, properties.limits().toReadLimits());
		LocalStorage store = (properties.local().baseUrl() == null) ? localStorage.getIfAvailable() : null;
		ServedArrowHttpMessageConverter converter = new ServedArrowHttpMessageConverter(arrow, resolver, externalizer,
				properties.plainClients() == VgiExternalProperties.PlainClients.REDIRECT,
				(store != null) ? store::isOwn : (url) -> false);
		return new WebMvcConfigurer() {

			@Override
			public void addInterceptors(InterceptorRegistry registry) {
				registry.addInterceptor(scopes).order(Ordered.HIGHEST_PRECEDENCE);
			}

			@Override
			public void configureMessageConverters(HttpMessageConverters.ServerBuilder builder) {
				builder.addCustomConverter(converter);
			}

			@Override
			public void extendHandlerExceptionResolvers(List<HandlerExceptionResolver> resolvers) {
				// The application's own @ExceptionHandler methods come first.
				boolean ownFirst = !resolvers.isEmpty()
						&& resolvers.get(0) instanceof ExceptionHandlerExceptionResolver;
				resolvers.add(ownFirst ? 1 : 0, new ExternalErrorResolver());
				resolvers.forEach((resolver) -> {
					if (resolver instanceof ExceptionHandlerExceptionResolver methods
							&& methods.getReturnValueHandlers() != null) {
						methods.setReturnValueHandlers(
								ArrowReturnValueHandler.before(methods.getReturnValueHandlers().getHandlers(), true));
					}
				});
			}

		};
	}

	@Bean
	@ConditionalOnMissingBean
	Capabilities vgiCapabilities(VgiRpcProperties rpc, VgiExternalProperties properties, ExternalLocationConfig config,
			ObjectProvider<UploadUrlProvider> uploadUrls, TransferBudget budget) {
		boolean vends = vendsUploadUrls(properties, uploadUrls.getIfAvailable());
		boolean stores = config.storage() != null;
		return new Capabilities(maxRequestBytes(rpc, budget), bytes(rpc.maxResponseSize()),
				stores ? bytes(rpc.maxExternalizedResponseSize()) : null, stores, ContentCodec.available(), vends,
				properties.maxUploadSize());
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
						|| rpc.getObject().servesMethods() && paths.isProtocol(request)));
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

	// Registers what requires that all mappings of the application are known: our
	// handlers go before Spring's, our routes after the application's.
	@Bean(defaultCandidate = false)
	SmartInitializingSingleton vgiRoutes(
			@Qualifier("requestMappingHandlerMapping") RequestMappingHandlerMapping mapping,
			@Qualifier("requestMappingHandlerAdapter") RequestMappingHandlerAdapter adapter, RpcWebMvc rpc,
			VgiRpcProperties rpcProperties, VgiExternalProperties properties, BufferAllocator vgiBufferAllocator,
			ObjectProvider<UploadUrlProvider> uploadUrls, ObjectProvider<LocalStorageController> localStorage,
			ObjectProvider<TransferListener> listeners, Environment environment, ListableBeanFactory beans) {
		return () -> {
			adapter.setReturnValueHandlers(ArrowReturnValueHandler.before(adapter.getReturnValueHandlers(), false));
			rpc.install(mapping, adapter);
			if (rpc.servesStreams() && rpcProperties.tokenKeys().isEmpty()) {
				requireOneProcess(environment);
			}
			if (rpc.servesMethods()) {
				register(mapping, rpcProperties.prefix() + "/health", RequestMethod.GET,
						new HealthController(this.serverId, rpc.protocols().iterator().next()), "health");
			}
			UploadUrlProvider provider = uploadUrls.getIfAvailable();
			if (provider != null && vendsUploadUrls(properties, provider)) {
				if (!isSecured(beans)) {
					logger.warn("Nothing secures the route of upload URLs: whoever reaches this service may store"
							+ " objects. Secure it, or set vgi.external.upload-url.enabled=false");
				}
				register(mapping, rpcProperties.prefix() + "/" + UploadUrlController.METHOD + "/init",
						RequestMethod.POST, new UploadUrlController(provider, vgiBufferAllocator, rpc,
								TransferListener.all(listeners.orderedStream().toList())),
						"init");
			}
			localStorage.ifAvailable((controller) -> {
				String path = LocalStorage.PATH + "/{key}";
				register(mapping, path, RequestMethod.GET, controller, "download");
				register(mapping, path, RequestMethod.PUT, controller, "upload");
			});
		};
	}

	private static boolean isSecured(ListableBeanFactory beans) {
		ClassLoader classLoader = VgiWebMvcAutoConfiguration.class.getClassLoader();
		return ClassUtils.isPresent(SECURITY, classLoader)
				&& beans.getBeanNamesForType(ClassUtils.resolveClassName(SECURITY, classLoader)).length > 0;
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

	private static void register(RequestMappingHandlerMapping mapping, String path, RequestMethod method,
			Object controller, String handler) {
		RequestMappingInfo info = RequestMappingInfo.paths(path)
			.methods(method)
			.options(mapping.getBuilderConfiguration())
			.build();
		for (RequestMappingInfo existing : mapping.getHandlerMethods().keySet()) {
			if (existing.getPatternValues().contains(path) && (existing.getMethodsCondition().getMethods().isEmpty()
					|| existing.getMethodsCondition().getMethods().contains(method))) {
				// The application's own mapping takes precedence.
				return;
			}
		}
		mapping.registerMapping(info, controller, handlerMethod(controller, handler));
	}

	private static Method handlerMethod(Object controller, String name) {
		for (Method method : ReflectionUtils.getDeclaredMethods(controller.getClass())) {
			if (method.getName().equals(name)) {
				return method;
			}
		}
		throw new IllegalStateException("No handler " + name + " in " + controller.getClass().getName());
	}

}
