package dev.vgi.external.rpc.pipe.server;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.location.CallerPointers;
import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.location.Externalizer;
import dev.vgi.external.location.LocationResolver;
import dev.vgi.external.rpc.MemoryStorage;
import dev.vgi.external.rpc.RpcCallListener;
import dev.vgi.external.transfer.TransferResources;
import dev.vgi.external.transport.TransportSettings;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;

import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.validation.beanvalidation.LocalValidatorFactoryBean;
import org.springframework.web.bind.support.ConfigurableWebBindingInitializer;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A served connection, whose server keeps neither memory nor budget.
 */
@NullUnmarked
@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class AbstractPipeServerTests {

	static final long BUDGET = 64 << 20;

	static final String SERVER_ID = "0123456789ab";

	final BufferAllocator allocator = new RootAllocator();

	final TransferResources resources = TransferResources.create(TransportSettings.defaults(), BUDGET);

	final MemoryStorage storage = new MemoryStorage();

	final AtomicReference<RpcCallListener> listener = new AtomicReference<>(RpcCallListener.none());

	final List<String> activity = new CopyOnWriteArrayList<>();

	PipeSettings settings = new PipeSettings(SERVER_ID, false, false, null, ReadLimits.defaults());

	Long threshold;

	CallerPointers pointers = CallerPointers.unbound();

	private final List<ServedPeer> peers = new ArrayList<>();

	private AnnotationConfigApplicationContext context;

	CalcController controller;

	PipeServer server(Class<?>... controllers) {
		this.context = new AnnotationConfigApplicationContext();
		this.context.register(controllers);
		this.context.refresh();
		ExternalLocationConfig resolving = ExternalLocationConfig.defaults()
			.withStorage(this.storage)
			.withMaxRetries(0)
			.withUrlValidator(UrlValidator.acceptAll());
		LocalValidatorFactoryBean validator = new LocalValidatorFactoryBean();
		validator.afterPropertiesSet();
		ConfigurableWebBindingInitializer binding = new ConfigurableWebBindingInitializer();
		binding.setValidator(validator);
		this.controller = this.context.getBeanProvider(CalcController.class).getIfUnique();
		return PipeServer.of(this.context, this.settings, this.resources.budget(), this.allocator,
				new LocationResolver(resolving, this.resources),
				new Externalizer((this.threshold != null) ? resolving.withExternalizeThreshold(this.threshold)
						: resolving.withStorage(null), this.resources, this.allocator),
				(call) -> this.listener.get().begin(call), () -> this.pointers, binding);
	}

	ServedPeer connect() throws IOException {
		return connect(server(CalcController.class));
	}

	ServedPeer connect(PipeServer server) throws IOException {
		ServedPeer peer = ServedPeer.of(server, new PipeServer.Activity() {

			@Override
			public void begins() {
				AbstractPipeServerTests.this.activity.add("begins");
			}

			@Override
			public void ends() {
				AbstractPipeServerTests.this.activity.add("ends");
			}

		});
		this.peers.add(peer);
		return peer;
	}

	@AfterEach
	void nothingIsKept() throws Exception {
		for (ServedPeer peer : this.peers) {
			peer.close();
		}
		if (this.context != null) {
			this.context.close();
		}
		assertThat(this.resources.budget().inUse()).isZero();
		this.resources.close();
		this.allocator.close();
	}

	/** The same connection serves another call. */
	static void assertServes(ServedPeer peer) throws IOException {
		assertThat(peer.call("add", 40L, 2L).values).containsExactly(42L);
	}

}
