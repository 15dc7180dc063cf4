package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.core.annotation.AliasFor;

/**
 * Names the protocol whose methods an interface declares. A {@code @RestController}
 * implements the interface, and clients use it directly.
 */
@Documented
@Inherited
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface RpcService {

	/**
	 * Alias for {@link #name()}.
	 * @return the protocol name; empty for the simple name of the interface
	 */
	@AliasFor("name")
	String value() default "";

	/**
	 * The protocol name.
	 * @return the protocol name; empty for the simple name of the interface
	 */
	@AliasFor("value")
	String name() default "";

	/**
	 * The version of the contract, such as {@code 1.0.0}. A peer must declare the same
	 * major and minor version.
	 * @return the version; empty if none is declared, and then versions are not compared
	 */
	String version() default "";

	/**
	 * Whether large results may travel through storage. Switch it off for peers that
	 * refuse pointers over HTTP.
	 * @return {@code false} to keep every result of every method inline
	 */
	boolean externalize() default true;

}
