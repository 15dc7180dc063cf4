package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import org.springframework.aot.hint.annotation.Reflective;

/**
 * A method of a controller that is called when a client cancels a stream. Its first
 * parameter is the state, found by type as for {@link RpcTurn}; no turn is run. Optional:
 * the state is all that is kept of a stream, so often there is nothing to clean up. Not
 * called if a caller just disconnects.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@Reflective(RpcReflectiveProcessor.class)
public @interface RpcCancel {

}
