package dev.vgi.external.autoconfigure;

import java.nio.file.Path;

import dev.vgi.external.autoconfigure.security.AnonymousCalls;
import dev.vgi.external.autoconfigure.security.PointerBinding;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.autoconfigure.stdio.StdioServer;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.rpc.pipe.server.HttpOnlyParameterException;
import dev.vgi.external.rpc.pipe.server.PipeServer;
import dev.vgi.external.rpc.pipe.server.PipeSettings;
import dev.vgi.external.rpc.pipe.server.UnixListener;
import dev.vgi.external.rpc.pipe.server.UnixSettings;
import dev.vgi.external.time.TransferTimer;
import dev.vgi.external.transfer.TransferThreads;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.config.BeanFactoryPostProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;
import org.springframework.validation.Validator;
import org.springframework.web.bind.support.ConfigurableWebBindingInitializer;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.context.request.RequestScope;

/**
 * {@link AutoConfiguration Auto-configuration} of serving RPC methods over pipes: the
 * standard streams of the process and a Unix socket.
 */
@AutoConfiguration(after = { VgiExternalAutoConfiguration.class, VgiObservationAutoConfiguration.class },
		afterName = { "org.springframework.boot.validation.autoconfigure.ValidationAutoConfiguration",
				"org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration" })
@ConditionalOnClass(ConfigurableWebBindingInitializer.class)
@ConditionalOnBean(ExternalLocationConfig.class)
@EnableConfigurationProperties({ VgiExternalProperties.class, VgiRpcProperties.class })
public final class VgiPipeAutoConfiguration {

	private static final String SECURITY = "org.springframework.security.core.context.SecurityContextHolder";

	// A context without a web server has no such scope, but each call has its attributes.
	@Bean
	static BeanFactoryPostProcessor vgiRequestScope(Environment environment) {
		return (beans) -> {
			boolean serves = environment.containsProperty("vgi.rpc.stdio")
					|| environment.containsProperty("vgi.rpc.unix.path");
			if (serves && beans.getRegisteredScope(WebApplicationContext.SCOPE_REQUEST) == null) {
				beans.registerScope(WebApplicationContext.SCOPE_REQUEST, new RequestScope());
			}
		};
	}

	// Bean methods decide, and not conditions, which are evaluated at build time.
	@Bean
	@ConditionalOnMissingBean
	@Nullable PipeServer vgiPipeServer(VgiRpcProperties properties, VgiExternalProperties external,
			BufferAllocator vgiBufferAllocator, @Qualifier("vgiLocationResolver") LocationResolver resolver,
			Externalizer externalizer, TransferBudget budget, ObjectProvider<RpcCallListener> listener,
			PointerBinding binding, ConfigurableListableBeanFactory beans) {
		if (!properties.servesPipes()) {
			return null;
		}
		PipeSettings settings = new PipeSettings(ServerId.VALUE,
				properties.error().includeStacktrace() == VgiRpcProperties.IncludeStacktrace.ALWAYS,
				properties.protocolOptional(), (properties.maxExternalizedResponseSize() != null)
						? properties.maxExternalizedResponseSize().toBytes() : null,
				external.limits().toReadLimits());
		RpcCallListener calls = listener.getIfAvailable(RpcCallListener::none);
		PipeServer server = create(beans, settings, budget, vgiBufferAllocator, resolver, externalizer,
				isSecured(beans) ? new AnonymousCalls(calls) : calls, binding);
		if (server.protocols().isEmpty()) {
			throw new StartRefusedException(
					"RPC methods are to be served over pipes (" + keys(properties) + "), but there are none.",
					"Add a controller whose interface has @RpcMethod methods, or remove " + keys(properties) + ".");
		}
		return server;
	}

	private static PipeServer create(ConfigurableListableBeanFactory beans, PipeSettings settings,
			TransferBudget budget, BufferAllocator allocator, LocationResolver resolver, Externalizer externalizer,
			RpcCallListener listener, PointerBinding binding) {
		try {
			return PipeServer.of(beans, settings, budget, allocator, resolver, externalizer, listener,
					binding::currentPointers, binding(beans));
		}
		catch (HttpOnlyParameterException ex) {
			throw new StartRefusedException(ex.getMessage() + ".",
					"Remove the parameter: RpcContext has what every transport knows of a call. Or serve this method"
							+ " over HTTP only, without vgi.rpc.stdio and vgi.rpc.unix.path.",
					ex);
		}
		catch (IllegalStateException ex) {
			throw new StartRefusedException(ex.getMessage() + ".",
					"Correct the signature of the method, or serve the application without vgi.rpc.stdio and"
							+ " vgi.rpc.unix.path.",
					ex);
		}
	}

	// As Spring MVC's own, where there is one.
	private static ConfigurableWebBindingInitializer binding(ConfigurableListableBeanFactory beans) {
		ConfigurableWebBindingInitializer own = beans.getBeanProvider(ConfigurableWebBindingInitializer.class)
			.getIfUnique();
		if (own != null) {
			return own;
		}
		ConfigurableWebBindingInitializer binding = new ConfigurableWebBindingInitializer();
		binding.setValidator(beans.containsBean("mvcValidator") ? beans.getBean("mvcValidator", Validator.class)
				: beans.getBeanProvider(Validator.class).getIfUnique());
		return binding;
	}

	private static boolean isSecured(ConfigurableListableBeanFactory beans) {
		return ClassUtils.isPresent(SECURITY, beans.getBeanClassLoader());
	}

	private static String keys(VgiRpcProperties properties) {
		return properties.stdio() ? "vgi.rpc.stdio" : "vgi.rpc.unix.path";
	}

	@Bean(defaultCandidate = false)
	@Lazy(false)
	@Nullable UnixServer vgiUnixServer(VgiRpcProperties properties, ObjectProvider<PipeServer> servers, TransferThreads threads,
			ConfigurableListableBeanFactory beans) {
		VgiRpcProperties.Unix unix = properties.unix();
		Path file = unix.file();
		PipeServer server = servers.getIfAvailable();
		if (file == null || server == null) {
			return null;
		}
		if (!unix.trusted() && isSecured(beans)) {
			throw new StartRefusedException(
					"This application uses Spring Security, whose filters do not see the calls that come over the Unix"
							+ " socket of vgi.rpc.unix.path: whoever may open the file may call every method as an"
							+ " anonymous caller.",
					"Set vgi.rpc.unix.trusted=true if the file's mode (vgi.rpc.unix.mode) is the rule that you want, or"
							+ " remove vgi.rpc.unix.path.");
		}
		UnixSettings settings = new UnixSettings(file, unix.permissions(), unix.maxConnections(), unix.idleTimeout());
		return new UnixServer(() -> new UnixListener(settings,
				(pipe, activity) -> server.serve(pipe, "unix", "unix", activity), threads, TransferTimer.system()));
	}

	@Bean(defaultCandidate = false)
	@Lazy(false)
	@Nullable StdioServer vgiStdioServer(VgiRpcProperties properties, ObjectProvider<PipeServer> servers) {
		PipeServer server = servers.getIfAvailable();
		return (properties.stdio() && server != null)
				? StdioServer.of((pipe, activity) -> server.serve(pipe, "stdio", "stdio", activity)) : null;
	}

	// The server itself would have to be there to be a listener.
	@Bean(defaultCandidate = false)
	ApplicationListener<ApplicationReadyEvent> vgiStdioStart(
			@Qualifier("vgiStdioServer") ObjectProvider<StdioServer> servers) {
		return (event) -> servers.ifAvailable((server) -> server.serve(event.getApplicationContext()));
	}

}
