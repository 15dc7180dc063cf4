package dev.vgi.external.rpc;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A method of a controller that hears of the end of a stream before its time. Its first
 * parameter is the state, found by type as that of {@link RpcTurn}; no turn is made.
 * Optional: state is all a stream has here, so often there is nothing to clean up. Not
 * called for a caller who just goes away.
 */
@Documented
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface RpcCancel {

}
