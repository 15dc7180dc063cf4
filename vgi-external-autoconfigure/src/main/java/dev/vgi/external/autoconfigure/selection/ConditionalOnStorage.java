package dev.vgi.external.autoconfigure.selection;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import dev.vgi.external.Internal;

import org.springframework.context.annotation.Conditional;

/**
 * Matches if the settings or connection details select a backend.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Conditional(OnStorageCondition.class)
@Internal
public @interface ConditionalOnStorage {

	/**
	 * The backend.
	 * @return the selected storage to match
	 */
	StorageType value();

}
