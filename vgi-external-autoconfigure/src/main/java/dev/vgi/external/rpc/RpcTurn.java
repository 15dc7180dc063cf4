package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;

/**
 * A method of a controller that runs one turn of its streams and returns a {@link Turn}.
 * Its first parameter is the state, a record. The method is found by the type of that
 * record: there is one turn per type of state. In an exchange, a parameter of type
 * {@link dev.vgi.external.batch.AnnotatedBatch} or
 * {@link org.apache.arrow.vector.VectorSchemaRoot} is the input batch, which is borrowed.
 * Further parameters may be {@link RpcContext} and, over HTTP, those of a Spring MVC
 * handler.
 * <p>
 * The method is called on the bean, so that security, validation and other aspects apply.
 * Only the state is kept between turns. Over HTTP the caller keeps it: any process with
 * the same keys may run the next turn, and a caller may repeat a turn. On standard
 * streams and Unix sockets it stays in memory and may be any record. Its closeable
 * components, such as batches, belong to the stream: they are closed once a turn returns
 * a state without them, and at the end of the stream. They may be arguments or the input
 * batch, which are otherwise borrowed, but not the batch that the turn emits.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@Reflective(RpcReflectiveProcessor.class)
public @interface RpcTurn {

}
