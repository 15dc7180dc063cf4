package dev.vgi.external.autoconfigure.start;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.UnboundConfigurationPropertiesException;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;

/**
 * Tells which property is wrong if Boot's own analysis would show the value of a secret:
 * the wrong property, an unknown one, or the last one read before the failure.
 */
@Order(Ordered.HIGHEST_PRECEDENCE)
class SecretBindFailureAnalyzer extends AbstractFailureAnalyzer<BindException> {

	@Override
	protected @Nullable FailureAnalysis analyze(Throwable rootFailure, BindException cause) {
		UnboundConfigurationPropertiesException unbound = findCause(cause,
				UnboundConfigurationPropertiesException.class);
		List<String> names = new ArrayList<>(List.of(cause.getName().toString()));
		if (cause.getProperty() != null) {
			names.add(cause.getProperty().getName().toString());
		}
		if (unbound != null) {
			for (ConfigurationProperty property : unbound.getUnboundProperties()) {
				names.add(property.getName().toString());
			}
		}
		if (names.stream().noneMatch(SecretKeys::contains)) {
			return null;
		}
		IllegalArgumentException refusal = findCause(cause, IllegalArgumentException.class);
		String reason = (unbound != null) ? unbound.getMessage()
				: (refusal != null) ? refusal.getMessage() : "the value has another type";
		return new FailureAnalysis(
				"Failed to bind properties under '" + cause.getName() + "': " + reason
						+ " (values are not shown, since some are secret)",
				"Update your application's configuration", cause);
	}

}
