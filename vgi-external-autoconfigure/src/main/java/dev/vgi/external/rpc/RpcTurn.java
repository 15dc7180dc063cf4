package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A method of a controller that makes one turn of its streams and returns a {@link Turn}.
 * Its first parameter is the state, a record, and the type of that record is how the
 * method is found: one turn per type of state. In an exchange a parameter of type
 * {@link dev.vgi.external.batch.AnnotatedBatch} or
 * {@link org.apache.arrow.vector.VectorSchemaRoot} is the batch that was sent, which is
 * borrowed. Further parameters are what a Spring MVC handler may have, and
 * {@link RpcContext}.
 * <p>
 * The method is called on the bean, so that security, validation and other aspects apply.
 * Nothing is kept between turns but the state: any process with the same keys may make
 * the next one, and a caller may ask for the same one again.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface RpcTurn {

}
