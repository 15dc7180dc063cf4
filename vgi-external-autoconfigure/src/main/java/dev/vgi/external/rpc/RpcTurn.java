package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A method of a controller that runs one turn of its streams and returns a {@link Turn}.
 * Its first parameter is the state, a record. The method is found by the type of that
 * record: there is one turn per type of state. In an exchange, a parameter of type
 * {@link dev.vgi.external.batch.AnnotatedBatch} or
 * {@link org.apache.arrow.vector.VectorSchemaRoot} is the input batch, which is borrowed.
 * Further parameters may be those of a Spring MVC handler, and {@link RpcContext}.
 * <p>
 * The method is called on the bean, so that security, validation and other aspects apply.
 * Only the state is kept between turns: any process with the same keys may run the next
 * turn, and a caller may repeat a turn.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface RpcTurn {

}
