package dev.vgi.external.autoconfigure;

import java.util.List;
import java.util.Locale;

import org.springframework.boot.actuate.endpoint.SanitizingFunction;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.context.annotation.Bean;

/**
 * {@link AutoConfiguration Auto-configuration} of what Actuator never shows, however
 * openly it is configured: what a storage URL could be signed with.
 */
@AutoConfiguration
@ConditionalOnClass(SanitizingFunction.class)
public final class VgiSanitizingAutoConfiguration {

	/** As they end, without dots, dashes, underscores and indexes. */
	private static final List<String> SECRETS = List.of("vgiexternalhttpproxypassword", "vgirpctokenkeys",
			"springcloudawscredentialssecretkey", "springcloudgcpcredentialsencodedkey", "awssecretaccesskey",
			"awssessiontoken", "awssecretkey");

	@Bean
	SanitizingFunction vgiSanitizingFunction() {
		return SanitizingFunction.sanitizeValue().ifKeyMatches(VgiSanitizingAutoConfiguration::isSecret);
	}

	private static boolean isSecret(String key) {
		String uniform = key.toLowerCase(Locale.ROOT).replaceAll("\\[\\d+]|_\\d+_?$|[._-]", "");
		return SECRETS.stream().anyMatch(uniform::endsWith);
	}

}
