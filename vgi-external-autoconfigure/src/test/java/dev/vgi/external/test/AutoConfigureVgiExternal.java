package dev.vgi.external.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.test.context.PropertyMapping;
import org.springframework.test.context.TestPropertySource;

/**
 * Annotation for a test class that puts an {@link InMemoryStorage} in the place of the
 * application's storage, whatever its settings select. Works beside
 * {@code @SpringBootTest}, with and without a server, and beside {@code @WebMvcTest} and
 * {@code @RestClientTest}, which have no storage otherwise.
 * <p>
 * The storage is a bean, which a test can have injected. It is reset before each test.
 * Clients of this application may fetch from it. A {@code RestTestClient} bean announces,
 * like every other client, that it resolves pointers.
 * <p>
 * After each test, the application must not hold more Arrow memory than before it.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Inherited
@ImportAutoConfiguration
@TestPropertySource(properties = { "vgi.external.storage=none", "vgi.external.retry-delay=1ms" })
public @interface AutoConfigureVgiExternal {

	/**
	 * The size from which on batches are stored. The data of a test is usually small, so
	 * all of it is: every batch that has rows. Set it to {@code 1MB}, the default of an
	 * application, to have small batches inline, too.
	 * @return the value of {@code vgi.external.externalize-threshold}
	 */
	@PropertyMapping("vgi.external.externalize-threshold")
	String threshold() default "0B";

	/**
	 * Whether a test fails that leaves more memory allocated in the application's
	 * allocators than there was before. Set it to {@code false} if the application keeps
	 * batches that it loads during a test, or if tests that run in parallel share it.
	 * @return whether memory is checked
	 */
	@PropertyMapping(VgiExternalTestAutoConfiguration.CHECK_LEAKS)
	boolean checkLeaks() default true;

}
