package dev.vgi.external.test;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.engine.JupiterTestEngine;
import org.junit.platform.engine.CancellationToken;
import org.junit.platform.engine.ConfigurationParameters;
import org.junit.platform.engine.DiscoveryFilter;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.EngineDiscoveryRequest;
import org.junit.platform.engine.EngineExecutionListener;
import org.junit.platform.engine.ExecutionRequest;
import org.junit.platform.engine.OutputDirectoryCreator;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.store.Namespace;
import org.junit.platform.engine.support.store.NamespacedHierarchicalStore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.mockito.Mockito.mock;

/**
 * Tests for {@link ArrowAllocatorExtension}.
 */
class ArrowAllocatorExtensionTests {

	private static final List<ArrowBuf> left = new ArrayList<>();

	@AfterEach
	void free() {
		left.forEach(ArrowBuf::close);
		left.clear();
	}

	@Test
	void leakFailsTheTestAndSaysHowMuch() {
		assertThat(run(Leaking.class)).singleElement().satisfies((result) -> {
			assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.FAILED);
			assertThat(result.getThrowable()).get()
				.isInstanceOf(AssertionError.class)
				.asString()
				.contains("The test has not freed 1024 bytes of Arrow memory")
				.contains("Allocator(ROOT)")
				.contains(RootAllocator.isDebug() ? "ArrowAllocatorExtensionTests$Leaking.leaks"
						: "-Darrow.memory.debug.allocator=true");
		});
	}

	@Test
	void leakDoesNotHideAnotherFailure() {
		assertThat(run(FailingAndLeaking.class)).singleElement().satisfies((result) -> {
			assertThat(result.getThrowable()).get().satisfies((failure) -> {
				assertThat(failure).hasMessage("planted");
				assertThat(failure.getSuppressed()).singleElement().asString().contains("16 bytes");
			});
		});
	}

	@Test
	void wholeTestHasOneAllocatorAndTheNextAnother() {
		Tidy.seen.clear();
		assertThat(run(Tidy.class)).hasSize(2)
			.allSatisfy((result) -> assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.SUCCESSFUL));
		assertThat(Tidy.seen).hasSize(2).doesNotHaveDuplicates();
	}

	static List<TestExecutionResult> run(Class<?> testClass) {
		JupiterTestEngine engine = new JupiterTestEngine();
		TestDescriptor root = engine.discover(new OneClass(testClass), UniqueId.forEngine(engine.getId()));
		List<TestExecutionResult> results = new ArrayList<>();
		EngineExecutionListener listener = new EngineExecutionListener() {

			@Override
			public void executionFinished(TestDescriptor descriptor, TestExecutionResult result) {
				if (descriptor.isTest()) {
					results.add(result);
				}
			}

		};
		try (NamespacedHierarchicalStore<Namespace> session = new NamespacedHierarchicalStore<>(null);
				NamespacedHierarchicalStore<Namespace> store = new NamespacedHierarchicalStore<>(session)) {
			engine.execute(ExecutionRequest.create(root, listener, new OneClass(testClass),
					mock(OutputDirectoryCreator.class), store, CancellationToken.disabled()));
		}
		return results;
	}

	private record OneClass(Class<?> testClass) implements EngineDiscoveryRequest, ConfigurationParameters {

		@Override
		public <T extends DiscoverySelector> List<T> getSelectorsByType(Class<T> type) {
			DiscoverySelector selector = DiscoverySelectors.selectClass(this.testClass);
			return type.isInstance(selector) ? List.of(type.cast(selector)) : List.of();
		}

		@Override
		public <T extends DiscoveryFilter<?>> List<T> getFiltersByType(Class<T> type) {
			return List.of();
		}

		@Override
		public ConfigurationParameters getConfigurationParameters() {
			return this;
		}

		@Override
		public Optional<String> get(String key) {
			return Optional.empty();
		}

		@Override
		public Optional<Boolean> getBoolean(String key) {
			return Optional.empty();
		}

		@Override
		public java.util.Set<String> keySet() {
			return java.util.Set.of();
		}

		@Override
		public OutputDirectoryCreator getOutputDirectoryCreator() {
			return mock(OutputDirectoryCreator.class);
		}

	}

	@ExtendWith(ArrowAllocatorExtension.class)
	static class Leaking {

		@Test
		void leaks(BufferAllocator allocator) {
			left.add(allocator.buffer(1000));
		}

	}

	@ExtendWith(ArrowAllocatorExtension.class)
	static class FailingAndLeaking {

		@Test
		void fails(BufferAllocator allocator) {
			left.add(allocator.buffer(16));
			throw new IllegalStateException("planted");
		}

	}

	static class Tidy {

		static final List<BufferAllocator> seen = new ArrayList<>();

		@RegisterExtension
		static final ArrowAllocatorExtension arrow = new ArrowAllocatorExtension(1 << 20);

		private ArrowBuf buffer;

		@BeforeEach
		void allocate(BufferAllocator allocator) {
			this.buffer = allocator.buffer(8);
			seen.add(allocator);
		}

		@AfterEach
		void free(BufferAllocator allocator) {
			assertThat(seen.get(seen.size() - 1)).isSameAs(allocator);
			this.buffer.close();
		}

		@Test
		void one(BufferAllocator allocator) {
			assertThat(seen.get(seen.size() - 1)).isSameAs(allocator);
		}

		@Test
		void other(BufferAllocator allocator) {
			assertThatExceptionOfType(OutOfMemoryException.class).isThrownBy(() -> allocator.buffer(1 << 21));
		}

	}

}
