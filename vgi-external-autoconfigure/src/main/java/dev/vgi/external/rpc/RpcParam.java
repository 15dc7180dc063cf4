package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The name of a parameter or of a record component on the wire. Without it the Java name
 * is used, in lower case with underscores: {@code topLeft} is {@code top_left}.
 */
@Documented
@Target({ ElementType.PARAMETER, ElementType.RECORD_COMPONENT })
@Retention(RetentionPolicy.RUNTIME)
public @interface RpcParam {

	/**
	 * The name.
	 * @return the name of the Arrow field
	 */
	String value();

}
