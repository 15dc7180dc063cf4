package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;
import org.springframework.core.annotation.AliasFor;
import org.springframework.web.service.annotation.HttpExchange;

/**
 * A method that peers call by name: one row of parameters in, one value out, or a
 * {@link ProducerStream} or {@link ExchangeStream}. Spring MVC maps it as {@code POST
 * {prefix}/{name}}, and a stream with {@code /init} and {@code /exchange} below. The same
 * declaration works as a client.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@Reflective(RpcReflectiveProcessor.class)
@HttpExchange(method = "POST")
public @interface RpcMethod {

	/**
	 * The name on the wire, such as {@code echo_string}: one path segment. It is
	 * independent of the Java name, so that renaming a method breaks no peer.
	 * @return the name
	 */
	@AliasFor(annotation = HttpExchange.class, attribute = "url")
	String value();

	/**
	 * Whether large results may travel through storage. Switch it off for peers that
	 * refuse pointers over HTTP.
	 * @return {@code false} to keep every result inline
	 */
	boolean externalize() default true;

}
