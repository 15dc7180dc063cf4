package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Predicate;

import dev.vgi.external.autoconfigure.connection.ContainerConnection;
import dev.vgi.external.autoconfigure.security.BoundStart;
import dev.vgi.external.autoconfigure.security.PointerBinding;
import dev.vgi.external.autoconfigure.selection.StorageSelection;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.codec.Compression;
import dev.vgi.external.codec.ZstdContentCodec;
import dev.vgi.external.history.TransferHistory;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.memory.SlabPool;
import dev.vgi.external.memory.TransferBudget;
import dev.vgi.external.rpc.pipe.server.PipeServer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.Leftovers;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.transfer.TransferListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transfer.TransferThreads;
import dev.vgi.external.transport.StorageTransport;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import dev.vgi.external.web.Capabilities;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.autoconfigure.condition.NoneNestedConditions;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.DependsOn;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;

/**
 * {@link AutoConfiguration Auto-configuration} of both directions: batches that leave
 * through storage and batches that come back. There is one configuration per side: the
 * server's externalises results and resolves requests; the client's only resolves the
 * answers of called services.
 */
@AutoConfiguration(after = { VgiTransportAutoConfiguration.class, VgiLocalStorageAutoConfiguration.class,
		VgiS3StorageAutoConfiguration.class, VgiGcsStorageAutoConfiguration.class })
@EnableConfigurationProperties({ VgiExternalProperties.class, VgiRpcProperties.class })
public final class VgiExternalAutoConfiguration {

	/** Name of what all transfers of this library share. */
	public static final String RESOURCES = "vgiTransferResources";

	/** Name of the bean that ends all transfers. */
	static final String END = "vgiTransferEnd";

	/** Name of the client side's resolver. */
	static final String CLIENT_RESOLVER = "vgiClientLocationResolver";

	/** Name of the client side's URL policy. */
	static final String CLIENT_URL_VALIDATOR = "vgiClientUrlValidator";

	private static final UrlValidator INLINE_ONLY = (url) -> {
		throw new UrlRejectedException(url, "'vgi.external.enabled' is false");
	};

	/** The remedy, whether zstd is required or not. */
	private static final String ZSTD_REMEDY = "Start the JVM with -DZstdTempFolder= or -Djava.io.tmpdir= and a writable"
			+ " folder that is not mounted noexec, or with -DZstdNativePath= and a libzstd-jni for this platform";

	private static final Log logger = LogFactory.getLog(VgiExternalAutoConfiguration.class);

	// A parameter of this name gets the application's only or primary allocator, and this
	// one if the application has several or none.
	@Bean
	@Fallback
	@Conditional(OnNoSingleAllocator.class)
	BufferAllocator vgiBufferAllocator() {
		RootAllocator allocator;
		try {
			allocator = new ClosingAllocator();
		}
		catch (RuntimeException | ExceptionInInitializerError | NoClassDefFoundError ex) {
			throw new StartRefusedException("Apache Arrow finds no allocator on the class path.",
					"Add org.apache.arrow:arrow-memory-unsafe to the application. The starter brings it along unless it"
							+ " is excluded.",
					ex);
		}
		requireWorking(allocator);
		return allocator;
	}

	/**
	 * Refuse the start if memory cannot be used.
	 * @param allocator allocates it
	 */
	static void requireWorking(BufferAllocator allocator) {
		try (ArrowBuf probe = allocator.buffer(8)) {
			// Allocation works without the flag; access to the memory as an NIO buffer
			// does not.
			probe.nioBuffer(0, 8).putLong(0, 1);
		}
		catch (UnsupportedOperationException | ExceptionInInitializerError | NoClassDefFoundError ex) {
			throw new StartRefusedException(
					"Apache Arrow has to read and write off-heap memory as NIO buffers, which this JVM has not opened"
							+ " to it.",
					"""
							Start the JVM with
							    --add-opens=java.base/java.nio=ALL-UNNAMED
							An executable jar can carry the flag itself, in its manifest:
							    Add-Opens: java.base/java.nio""", ex);
		}
		catch (ClassCastException ex) {
			// arrow-memory-netty on JDK 25, whose Netty does without Unsafe.
			throw new StartRefusedException(
					"The allocator of Apache Arrow that is on the class path does not work on this JVM.",
					"Remove org.apache.arrow:arrow-memory-netty and add org.apache.arrow:arrow-memory-unsafe, which the"
							+ " starter brings along.",
					ex);
		}
	}

	@Bean
	@ConditionalOnMissingBean
	TransferBudget vgiTransferBudget(VgiExternalProperties properties) {
		VgiExternalProperties.Memory memory = properties.memory();
		long budget = (memory.budget() != null) ? memory.budget().toBytes() : ProcessMemory.defaultBudget();
		long maxPerRequest = (memory.maxPerRequest() != null) ? Math.min(memory.maxPerRequest().toBytes(), budget)
				: budget - budget / 2;
		return new TransferBudget(budget, maxPerRequest, memory.maxWaiters(),
				(memory.maxWait() != null) ? memory.maxWait() : properties.fetch().timeout());
	}

	@Bean
	@ConditionalOnMissingBean
	SlabPool vgiSlabPool(TransferBudget budget) {
		// Idle memory is not part of the budget, so it is limited to a fraction of it.
		return new SlabPool(budget.maxBytes() / 4, Duration.ofMinutes(1));
	}

	@Bean
	@ConditionalOnMissingBean
	ExternalLocationConfig vgiExternalLocationConfig(VgiExternalProperties properties, TransferBudget budget,
			ObjectProvider<ExternalStorage> storages, ObjectProvider<UrlValidator> urlValidator,
			Environment environment, ListableBeanFactory beans) {
		ExternalStorage storage = properties.enabled() ? storages.getIfAvailable() : null;
		if (storage == null) {
			StorageSelection.requireNone(environment, beans);
		}
		UrlValidator validator = properties.enabled() ? policy(properties, storage, urlValidator) : INLINE_ONLY;
		return config(properties, budget, validator).withStorage(storage)
			.withCompression(compression(properties.compression()));
	}

	static ExternalLocationConfig config(VgiExternalProperties properties, TransferBudget budget,
			UrlValidator validator) {
		return ExternalLocationConfig.defaults()
			.withExternalizeThreshold(properties.externalizeThreshold().toBytes())
			.withMaxRetries(properties.maxRetries())
			.withRetryDelay(properties.retryDelay())
			.withFetchConfig(properties.fetch().toConfig())
			.withUrlValidator(validator)
			.withReadLimits(properties.limits().toReadLimits())
			.withInlineOnFailure(properties.onStorageFailure() == VgiExternalProperties.OnStorageFailure.INLINE)
			.withSegmentSize(properties.segmentSize(budget.maxBytes()))
			.withMaxParallelSegments(properties.upload().maxParallelSegments());
	}

	private static UrlValidator policy(VgiExternalProperties properties, @Nullable ExternalStorage storage,
			ObjectProvider<UrlValidator> urlValidator) {
		// A service with its own storage fetches only from there unless configured
		// otherwise.
		return urlValidator.getIfAvailable(() -> properties.url()
			.toPolicy(storage == null && !hasProxy(properties),
					(storage != null) ? storage::isOwn : (candidate) -> false, "vgi.external.url"));
	}

	private static @Nullable Compression compression(VgiExternalProperties.Compression compression) {
		String problem = ZstdContentCodec.unavailable();
		boolean required = compression.algorithm() == VgiExternalProperties.Compression.Algorithm.ZSTD;
		if (problem != null && required) {
			throw new StartRefusedException(
					"vgi.external.compression.algorithm is zstd, which does not work in this process: " + problem,
					ZSTD_REMEDY + ", or set vgi.external.compression.algorithm=none.");
		}
		if (problem != null) {
			logger.warn("The coding zstd does not work in this process, bodies are coded with gzip or not at all: "
					+ problem + ". " + ZSTD_REMEDY);
		}
		return required ? new Compression(compression.level(), compression.workers()) : null;
	}

	@Bean(defaultCandidate = false)
	@Lazy(false)
	StartReport vgiStartReport(VgiExternalProperties properties, ExternalLocationConfig config, TransferBudget budget,
			PointerBinding binding, ObjectProvider<Capabilities> capabilities, ObjectProvider<PipeServer> pipes,
			Environment environment) {
		return new StartReport(properties, config, budget.maxBytes(), capabilities.getIfAvailable() != null,
				pipes.getIfAvailable() != null, environment);
	}

	@Bean
	@ConditionalOnMissingBean
	TransferHistory vgiTransferHistory(VgiExternalProperties properties) {
		return new TransferHistory(properties.history().size(), properties.slowTransferThreshold());
	}

	// Does not need the storage, which may itself call a service. An application replaces
	// the parts, which others use too, and not the whole.
	@Bean(name = RESOURCES, destroyMethod = "", defaultCandidate = false)
	TransferResources vgiTransferResources(StorageTransport transport, TransferBudget budget, SlabPool slabs,
			TransferThreads threads, ObjectProvider<TransferListener> listeners) {
		return new TransferResources(transport, budget, slabs, threads.withContext(ServiceUrl::inherited),
				TransferListener.all(listeners.orderedStream().toList()));
	}

	// Ends transfers after everything that begins them, and before everything that they
	// need for their clean-up: the storage and its client, the allocator. The bean is
	// destroyed and not stopped, since a stopped bean may be started again.
	@Bean(name = END, defaultCandidate = false)
	DisposableBean vgiTransferEnd(@Qualifier(RESOURCES) TransferResources resources, ExternalLocationConfig config,
			BufferAllocator vgiBufferAllocator) {
		return () -> {
			ExternalStorage storage = config.storage();
			Leftovers leftovers = (storage != null) ? storage.leftovers() : null;
			if (leftovers != null) {
				leftovers.close();
			}
			resources.close();
		};
	}

	@Bean
	PointerBinding vgiPointerBinding(VgiExternalProperties properties, VgiRpcProperties rpc,
			ExternalLocationConfig config, ObjectProvider<UploadUrlProvider> uploadUrls, ListableBeanFactory beans) {
		VgiExternalProperties.Binding binding = properties.binding();
		if (binding == VgiExternalProperties.Binding.NONE) {
			return PointerBinding.none();
		}
		boolean vends = properties.enabled() && !Boolean.FALSE.equals(properties.uploadUrl().enabled());
		return new BoundStart(binding.name().toLowerCase(Locale.ROOT), beans).bind(rpc.toKeys(),
				binding == VgiExternalProperties.Binding.TENANT, config.storage(),
				vends ? uploadUrls.getIfAvailable() : null);
	}

	@Bean
	@ConditionalOnMissingBean
	@DependsOn(END)
	Externalizer vgiExternalizer(ExternalLocationConfig config, @Qualifier(RESOURCES) TransferResources resources,
			BufferAllocator vgiBufferAllocator, VgiExternalProperties properties, PointerBinding binding) {
		boolean inline = config.inlineOnFailure()
				|| properties.onStorageFailure() == VgiExternalProperties.OnStorageFailure.INLINE;
		return new Externalizer(config.withInlineOnFailure(inline), resources, vgiBufferAllocator)
			.storingFor(binding::currentOwner);
	}

	@Bean
	@ConditionalOnMissingBean(name = "vgiLocationResolver")
	@DependsOn(END)
	LocationResolver vgiLocationResolver(ExternalLocationConfig config,
			@Qualifier(RESOURCES) TransferResources resources) {
		return new LocationResolver(config, resources);
	}

	@Bean(name = CLIENT_URL_VALIDATOR, defaultCandidate = false)
	@ConditionalOnMissingBean(name = CLIENT_URL_VALIDATOR)
	UrlValidator vgiClientUrlValidator(VgiExternalProperties properties, ObjectProvider<UrlValidator> custom,
			ObjectProvider<ContainerConnection> containers, ObjectProvider<ExternalStorage> storages) {
		// A container is neither https nor public, and shared with the services that are
		// called. The storage is looked up later: it may itself call a service.
		Predicate<URI> own = containers.stream().findAny().isPresent()
				? (candidate) -> storages.stream().anyMatch((storage) -> storage.isOwn(candidate))
				: (candidate) -> false;
		return custom.getIfAvailable(
				() -> properties.client().url().toPolicy(!hasProxy(properties), own, "vgi.external.client.url"));
	}

	@Bean(name = CLIENT_RESOLVER, defaultCandidate = false)
	@ConditionalOnMissingBean(name = CLIENT_RESOLVER)
	LocationResolver vgiClientLocationResolver(VgiExternalProperties properties,
			@Qualifier(RESOURCES) TransferResources resources,
			@Qualifier(CLIENT_URL_VALIDATOR) UrlValidator validator) {
		return new LocationResolver(config(properties, resources.budget(), validator), resources);
	}

	private static boolean hasProxy(VgiExternalProperties properties) {
		// A proxy resolves names itself, so addresses cannot be checked. Only listed
		// hosts are allowed then.
		return StringUtils.hasText(properties.http().proxy().host());
	}

	/**
	 * Matches if the application has no allocator, or several without a primary one.
	 */
	static class OnNoSingleAllocator extends NoneNestedConditions {

		OnNoSingleAllocator() {
			super(ConfigurationPhase.REGISTER_BEAN);
		}

		@ConditionalOnSingleCandidate(BufferAllocator.class)
		static class SingleAllocator {

		}

	}

	/**
	 * Closed when the application shuts down. Unclosed memory is reported, and does not
	 * prevent the shutdown.
	 */
	private static final class ClosingAllocator extends RootAllocator {

		@Override
		public void close() {
			long outstanding = getAllocatedMemory();
			try {
				super.close();
			}
			catch (IllegalStateException ex) {
				logger.warn(outstanding + " bytes of batches were not closed by the application");
			}
		}

	}

}
