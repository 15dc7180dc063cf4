package dev.vgi.external.autoconfigure;

import java.util.Map;

import org.springframework.boot.autoconfigure.condition.ConditionMessage;
import org.springframework.boot.autoconfigure.condition.ConditionOutcome;
import org.springframework.boot.autoconfigure.condition.SpringBootCondition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.core.type.AnnotatedTypeMetadata;
import org.springframework.util.Assert;

/**
 * Matches if the settings select a backend.
 */
class OnStorageCondition extends SpringBootCondition {

	@Override
	public ConditionOutcome getMatchOutcome(ConditionContext context, AnnotatedTypeMetadata metadata) {
		Map<String, Object> attributes = metadata.getAnnotationAttributes(ConditionalOnStorage.class.getName());
		Assert.state(attributes != null, "the condition is used by its annotation");
		StorageType wanted = (StorageType) attributes.get("value");
		StorageType selected = StorageSelection.of(context.getEnvironment()).type();
		ConditionMessage.Builder message = ConditionMessage.forCondition(ConditionalOnStorage.class);
		return (wanted == selected) ? ConditionOutcome.match(message.foundExactly("storage " + selected))
				: ConditionOutcome.noMatch(message.because("selected storage is " + selected));
	}

}
