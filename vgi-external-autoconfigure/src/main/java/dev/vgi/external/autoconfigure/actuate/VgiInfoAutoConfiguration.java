package dev.vgi.external.autoconfigure.actuate;

import dev.vgi.external.autoconfigure.VgiExternalAutoConfiguration;
import dev.vgi.external.location.ExternalLocationConfig;

import org.springframework.boot.actuate.autoconfigure.info.ConditionalOnEnabledInfoContributor;
import org.springframework.boot.actuate.info.InfoContributor;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Fallback;

/**
 * {@link AutoConfiguration Auto-configuration} of what the info endpoint tells.
 */
@AutoConfiguration(after = VgiExternalAutoConfiguration.class)
@ConditionalOnClass({ InfoContributor.class, ConditionalOnEnabledInfoContributor.class })
@ConditionalOnBean(ExternalLocationConfig.class)
@ConditionalOnEnabledInfoContributor("vgi-external")
public final class VgiInfoAutoConfiguration {

	@Bean
	@Fallback
	@ConditionalOnMissingBean(name = "vgiExternalInfoContributor")
	VgiExternalInfoContributor vgiExternalInfoContributor(ExternalLocationConfig config) {
		return new VgiExternalInfoContributor(config);
	}

}
