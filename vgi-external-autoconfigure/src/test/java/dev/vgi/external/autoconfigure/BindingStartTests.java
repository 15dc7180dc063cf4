package dev.vgi.external.autoconfigure;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

import dev.vgi.external.autoconfigure.security.PointerBinding;
import dev.vgi.external.autoconfigure.security.TransferTenant;
import dev.vgi.external.autoconfigure.start.StartRefusedFailureAnalyzer;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.storage.UploadUrl;
import dev.vgi.external.storage.UploadUrlProvider;
import dev.vgi.external.storage.local.LocalStorage;
import dev.vgi.external.upload.Payload;
import dev.vgi.external.url.UrlValidator;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.http.converter.autoconfigure.HttpMessageConvertersAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.webmvc.autoconfigure.WebMvcAutoConfiguration;
import org.springframework.context.ApplicationContext;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.web.context.request.ServletRequestAttributes;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests of what {@code vgi.external.binding} needs, and of what the start says about it.
 */
@ExtendWith(OutputCaptureExtension.class)
class BindingStartTests {

	private static final String KEY = "vgi.rpc.token-keys=" + "0".repeat(64);

	private static final String BOUND = "Pointers are bound: ";

	@TempDir
	private Path folder;

	private WebApplicationContextRunner runner = new WebApplicationContextRunner();

	@BeforeEach
	void setUp() {
		this.runner = new WebApplicationContextRunner()
			.withConfiguration(
					AutoConfigurations.of(VgiTransportAutoConfiguration.class, VgiLocalStorageAutoConfiguration.class,
							VgiExternalAutoConfiguration.class, VgiWebMvcAutoConfiguration.class,
							HttpMessageConvertersAutoConfiguration.class, WebMvcAutoConfiguration.class))
			.withPropertyValues("vgi.external.local.directory=" + this.folder,
					"vgi.external.local.base-url=http://localhost");
	}

	@Test
	void withoutBindingKeysAreNotMarked(CapturedOutput output) {
		this.runner.withPropertyValues(KEY).run((context) -> {
			PointerBinding binding = context.getBean(PointerBinding.class);
			assertThat(binding.currentPointers().owner()).isSameAs(ObjectOwner.nobody());
			assertThat(binding.currentOwner()).isSameAs(ObjectOwner.nobody());
		});
		assertThat(output).doesNotContain(BOUND);
	}

	@Test
	void principalsAreToldApart(CapturedOutput output) {
		this.runner.withPropertyValues(KEY, "vgi.external.binding=principal").run((context) -> {
			assertThat(context).hasNotFailed();
			assertThat(group(context)).isEmpty();
		});
		assertThat(output)
			.contains("Pointers are bound: a caller may send those to objects of this storage that were"
					+ " stored for its principal; callers without a principal are one, anonymous")
			.doesNotContain("not bound")
			.doesNotContain("Spring Security");
	}

	private static List<String> group(ApplicationContext context) {
		return context.getBean(PointerBinding.class).group(new ServletRequestAttributes(new MockHttpServletRequest()));
	}

	@Test
	void tenantsAreToldApart(CapturedOutput output) {
		this.runner.withPropertyValues(KEY, "vgi.external.binding=tenant")
			.withBean(TransferTenant.class, () -> () -> "acme")
			.run((context) -> {
				assertThat(context).hasNotFailed();
				assertThat(group(context)).containsExactly("TENANT", "=acme");
			});
		assertThat(output).contains("for its tenant; callers without a tenant are one, anonymous");
	}

	@Test
	void saysWhatIsNotBound(CapturedOutput output) {
		WebApplicationContextRunner bound = this.runner.withPropertyValues(KEY, "vgi.external.binding=principal");
		bound.withPropertyValues("vgi.external.url.allowed-hosts=storage.example")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("one, anonymous; not bound are pointers to vgi.external.url.allowed-hosts");
		bound.withBean(UrlValidator.class, UrlValidator::httpsOnly)
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("; not bound is what else the application's UrlValidator accepts");
	}

	@Test
	void warnsIfNobodyTellsPrincipals(CapturedOutput output) {
		this.runner.withPropertyValues(KEY, "vgi.external.binding=principal")
			.withClassLoader(new FilteredClassLoader("org.springframework.security"))
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).contains("Spring Security is not on the class path");
	}

	@Test
	void needsKeys() {
		assertRefused(this.runner.withPropertyValues("vgi.external.binding=principal"),
				"vgi.external.binding is principal, but there is no key that marks whose an object is.",
				"vgi.rpc.token-keys");
	}

	@Test
	void tenantsNeedOneBean() {
		WebApplicationContextRunner tenants = this.runner.withPropertyValues(KEY, "vgi.external.binding=tenant");
		assertRefused(tenants, "is no bean that tells the tenant", TransferTenant.class.getName());
		assertRefused(
				tenants.withBean("first", TransferTenant.class, () -> () -> "a")
					.withBean("second", TransferTenant.class, () -> () -> "b"),
				"several beans that tell the tenant of a request: first, second.", "exactly one bean");
	}

	@Test
	void needsAStorageThatBinds() {
		assertRefused(
				this.runner.withPropertyValues(KEY, "vgi.external.binding=principal")
					.withBean("mine", ExternalStorage.class, PlainStorage::new),
				"the storage 'mine' (" + PlainStorage.class.getName() + ") does not mark", "bindsKeys");
	}

	@Test
	void needsUploadUrlsThatBind() {
		WebApplicationContextRunner custom = this.runner
			.withPropertyValues(KEY, "vgi.external.binding=principal", "vgi.external.storage=none")
			.withBean("vending", UploadUrlProvider.class, () -> BindingStartTests::vend);
		assertRefused(custom.withBean("mine", ExternalStorage.class, BindingStorage::new),
				"the upload URLs of 'vending' (", "bindsUploads");
		custom.withBean("mine", ExternalStorage.class, BindingStorage::new)
			.withPropertyValues("vgi.external.upload-url.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed());
		assertRefused(
				this.runner.withPropertyValues(KEY, "vgi.external.binding=principal", "vgi.external.storage=none")
					.withBean("vending", UploadUrlProvider.class, BindingUrls::new),
				"there is no storage that could tell for whom the upload URLs of 'vending' (", "ExternalStorage");
	}

	@Test
	void withoutAStorageNothingIsBound(CapturedOutput output) {
		this.runner.withPropertyValues(KEY, "vgi.external.binding=principal", "vgi.external.enabled=false")
			.run((context) -> assertThat(context).hasNotFailed());
		assertThat(output).doesNotContain(BOUND);
	}

	@Test
	void publishedOutsideOfARequestIsForNobody() {
		this.runner.withPropertyValues(KEY, "vgi.external.binding=principal").run((context) -> {
			assertThat(context.getBean(PointerBinding.class).currentOwner()).isSameAs(ObjectOwner.nobody());
			assertThat(context.getBean(LocalStorage.class).bindsKeys()).isTrue();
		});
	}

	private static void assertRefused(WebApplicationContextRunner runner, String description, String action) {
		runner.run((context) -> {
			FailureAnalysis analysis = new StartRefusedFailureAnalyzer()
				.analyze(Objects.requireNonNull(context.getStartupFailure()));
			assertThat(analysis).isNotNull();
			assertThat(analysis.getDescription()).contains(description);
			assertThat(analysis.getAction()).contains(action);
		});
	}

	private static UploadUrl vend(Schema schema) {
		throw new UnsupportedOperationException();
	}

	/**
	 * A storage with the methods that every storage has.
	 */
	private static class PlainStorage implements ExternalStorage {

		@Override
		public URI upload(Payload payload, Schema schema, @Nullable String contentCoding) {
			throw new UnsupportedOperationException();
		}

		@Override
		public boolean isOwn(URI url) {
			return false;
		}

		@Override
		public String name() {
			return "plain";
		}

	}

	/**
	 * A storage that claims to bind its keys.
	 */
	private static final class BindingStorage extends PlainStorage {

		@Override
		public boolean bindsKeys() {
			return true;
		}

		@Override
		public boolean admits(URI url, ObjectOwner owner) {
			return ObjectKey.isOf(url.getPath(), owner);
		}

	}

	/**
	 * A provider that binds its URLs.
	 */
	private static final class BindingUrls implements UploadUrlProvider {

		@Override
		public UploadUrl generateUploadUrl(Schema schema) {
			return vend(schema);
		}

		@Override
		public boolean bindsUploads() {
			return true;
		}

	}

}
