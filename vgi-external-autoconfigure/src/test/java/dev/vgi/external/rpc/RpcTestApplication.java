package dev.vgi.external.rpc;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.VgiExternalException;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.conformance.ConformanceController;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.server.http.RpcSettings;
import dev.vgi.external.rpc.server.http.RpcWebMvc;
import dev.vgi.external.rpc.server.http.StreamTokens;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.url.UrlValidator;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.validation.constraints.Max;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.tomcat.autoconfigure.servlet.TomcatServletWebServerAutoConfiguration;
import org.springframework.boot.webmvc.autoconfigure.DispatcherServletAutoConfiguration;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.boot.webmvc.autoconfigure.error.ErrorMvcAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.ModelAndView;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerAdapter;
import org.springframework.web.servlet.mvc.method.annotation.RequestMappingHandlerMapping;

/**
 * Spring MVC with RPC methods beside ordinary handlers, without the library's own
 * auto-configuration.
 */
@SpringBootConfiguration(proxyBeanMethods = false)
@ImportAutoConfiguration({ TomcatServletWebServerAutoConfiguration.class, DispatcherServletAutoConfiguration.class,
		WebMvcAutoConfiguration.class, HttpMessageConvertersAutoConfiguration.class, JacksonAutoConfiguration.class,
		ErrorMvcAutoConfiguration.class })
@Import({ ConformanceController.class, RpcTestApplication.OtherController.class,
		RpcTestApplication.OrdinaryController.class })
public class RpcTestApplication {

	public static final String SERVER_ID = "0123456789ab";

	@Bean
	BufferAllocator allocator() {
		return new RootAllocator();
	}

	@Bean
	Seams seams() {
		return new Seams();
	}

	@Bean
	TransferResources transferResources() {
		return TransferResources.create();
	}

	@Bean
	RpcWebMvc rpcWebMvc(@Value("${vgi.rpc.prefix:}") String prefix,
			@Value("${test.externalize-threshold:}") @Nullable Long threshold, BufferAllocator allocator,
			TransferResources resources, Seams seams) {
		ExternalLocationConfig resolving = ExternalLocationConfig.defaults()
			.withStorage(seams.storage)
			.withMaxRetries(0)
			.withUrlValidator(UrlValidator.acceptAll());
		LocationResolver resolver = new LocationResolver(resolving, resources);
		Externalizer externalizer = new Externalizer(
				(threshold != null) ? resolving.withExternalizeThreshold(threshold) : resolving.withStorage(null),
				resources, allocator);
		return new RpcWebMvc(new RpcSettings(prefix, SERVER_ID), allocator, resolver, externalizer,
				() -> new StreamTokens(List.of(TokenKey.random()), Duration.ofHours(1), seams.clock::get),
				(call) -> seams.listener.get().begin(call));
	}

	@Bean
	SmartInitializingSingleton rpcInstallation(RpcWebMvc rpc,
			@Qualifier("requestMappingHandlerMapping") RequestMappingHandlerMapping mapping,
			RequestMappingHandlerAdapter adapter) {
		return () -> rpc.install(mapping, adapter);
	}

	@Bean
	WebMvcConfigurer applicationConfigurer() {
		return new WebMvcConfigurer() {

			@Override
			public void addInterceptors(InterceptorRegistry registry) {
				registry.addInterceptor(new HandlerInterceptor() {

					@Override
					public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler) {
						if (request.getHeader("X-Refuse") != null) {
							response.setStatus(HttpServletResponse.SC_FORBIDDEN);
							return false;
						}
						return true;
					}

				});
			}

			@Override
			public void extendHandlerExceptionResolvers(List<HandlerExceptionResolver> resolvers) {
				resolvers.add(0, (request, response, handler, ex) -> {
					if (ex instanceof VgiExternalException) {
						response.setStatus(HttpServletResponse.SC_BAD_GATEWAY);
						return new ModelAndView();
					}
					return null;
				});
			}

		};
	}

	/**
	 * What a test may put in the way of requests and results.
	 */
	public static final class Seams {

		final AtomicReference<Instant> clock = new AtomicReference<>(Instant.EPOCH);

		final MemoryStorage storage = new MemoryStorage();

		final AtomicReference<RpcCallListener> listener = new AtomicReference<>(RpcCallListener.none());

		void reset() {
			this.storage.reset();
			this.listener.set(RpcCallListener.none());
		}

	}

	/**
	 * Declares a contract without a version.
	 */
	@RpcService("Other")
	interface OtherService {

		@RpcMethod("fail_void")
		void failVoid(String message);

		@RpcMethod("own_error")
		String ownError();

		@RpcMethod("teapot")
		String teapot();

		@RpcMethod("result_missing")
		String resultMissing();

		@RpcMethod("optional_length")
		Optional<Long> optionalLength(Optional<String> text);

		@RpcMethod("batch_rows")
		long batchRows(AnnotatedBatch batch);

		@RpcMethod("fatal")
		void fatal();

		@RpcMethod("at_most_ten")
		long atMostTen(@Max(10) long value);

	}

	/**
	 * Fails in several ways, and has one method outside the shared interface.
	 */
	@RestController
	static class OtherController implements OtherService {

		@Override
		public void failVoid(String message) {
			RpcContext.current().log(RpcContext.Level.WARN, "about to fail");
			throw new IllegalArgumentException(message);
		}

		@Override
		public String ownError() {
			throw new OwnException();
		}

		@Override
		public String teapot() {
			throw new ResponseStatusException(HttpStatus.I_AM_A_TEAPOT, "short and stout");
		}

		@Override
		@SuppressWarnings("NullAway")
		public String resultMissing() {
			return null;
		}

		@Override
		public Optional<Long> optionalLength(Optional<String> text) {
			return text.map((value) -> (long) value.length());
		}

		@Override
		public long batchRows(AnnotatedBatch batch) {
			return batch.rowCount();
		}

		@Override
		public void fatal() {
			throw new StackOverflowError("too deep");
		}

		@Override
		public long atMostTen(long value) {
			return value;
		}

		@RpcMethod("whoami")
		String whoami(long number, RpcContext context) {
			return context.method() + " " + number + " " + context.requestId();
		}

		@GetMapping("/beside")
		String beside() {
			return "beside";
		}

	}

	/**
	 * Handlers that have nothing to do with RPC.
	 */
	@RestController
	static class OrdinaryController {

		@GetMapping("/plain")
		String plain() {
			return "plain";
		}

		@PostMapping("/json")
		Map<String, Object> json(@RequestBody Map<String, Object> body) {
			return Map.of("got", List.copyOf(body.keySet()));
		}

		@PostMapping("/refuse")
		String refuse() {
			throw new IllegalArgumentException("ordinary");
		}

	}

	/**
	 * Has a name of its own.
	 */
	@SuppressWarnings("serial")
	static class OwnException extends RuntimeException implements WireError {

		OwnException() {
			super("see https://user:pw@storage.example:8443/key?X-Amz-Signature=secret#part for more");
		}

		@Override
		public String errorType() {
			return "FlightNotFoundError";
		}

		@Override
		public String errorKind() {
			return "flight_not_found";
		}

		@Override
		public String errorCode() {
			return "RESOURCE_EXHAUSTED";
		}

		@Override
		public List<Map<String, Object>> errorDetails() {
			return List.of(Map.of("@type", "vgi_rpc.RetryInfo", "retry_delay_seconds", 1.5));
		}

	}

}
