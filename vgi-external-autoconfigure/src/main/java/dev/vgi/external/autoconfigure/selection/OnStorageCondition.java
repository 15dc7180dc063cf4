package dev.vgi.external.autoconfigure.selection;

import org.springframework.boot.autoconfigure.condition.ConditionMessage;
import org.springframework.boot.autoconfigure.condition.ConditionOutcome;
import org.springframework.boot.autoconfigure.condition.SpringBootCondition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.ConfigurationCondition;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * Matches if the settings or connection details select a backend.
 */
class OnStorageCondition extends SpringBootCondition implements ConfigurationCondition {

	@Override
	public ConfigurationPhase getConfigurationPhase() {
		// The connection details of containers that are beans come with their bean
		// definitions.
		return ConfigurationPhase.REGISTER_BEAN;
	}

	@Override
	public ConditionOutcome getMatchOutcome(ConditionContext context, AnnotatedTypeMetadata metadata) {
		StorageType wanted = metadata.getAnnotations()
			.get(ConditionalOnStorage.class)
			.getEnum("value", StorageType.class);
		StorageType selected = StorageSelection.of(context.getEnvironment(), context.getBeanFactory()).type();
		ConditionMessage.Builder message = ConditionMessage.forCondition(ConditionalOnStorage.class);
		return (wanted == selected) ? ConditionOutcome.match(message.foundExactly("storage " + selected))
				: ConditionOutcome.noMatch(message.because("selected storage is " + selected));
	}

}
