package dev.vgi.external.autoconfigure.actuate;

import java.util.List;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.actuate.endpoint.EndpointId;
import org.springframework.boot.actuate.endpoint.web.PathMapper;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;
import org.springframework.util.StringUtils;
import org.springframework.web.util.HtmlUtils;

/**
 * {@link AutoConfiguration Auto-configuration} for the page that shows transfers, where
 * the endpoint {@code vgiexternalpage} is exposed.
 */
@AutoConfiguration
@ConditionalOnClass({ ConditionalOnAvailableEndpoint.class, PathMapper.class, HtmlUtils.class })
@ConditionalOnWebApplication
public final class VgiPageAutoConfiguration {

	@Bean
	@ConditionalOnMissingBean
	@ConditionalOnAvailableEndpoint
	VgiExternalPageEndpoint vgiExternalPageEndpoint(Environment environment, ObjectProvider<PathMapper> pathMappers) {
		List<PathMapper> mappers = pathMappers.orderedStream().toList();
		return new VgiExternalPageEndpoint(
				new PageAssembly().with("application", environment.getProperty("spring.application.name", ""))
					.with("endpoint", pathToSibling(mappers))
					.assemble());
	}

	// Relative, since only the browser knows what is in front: host, context path, base
	// path
	private static String pathToSibling(List<PathMapper> mappers) {
		String page = PathMapper.getRootPath(mappers, EndpointId.of("vgiexternalpage"));
		String sibling = PathMapper.getRootPath(mappers, EndpointId.of("vgiexternal"));
		return "../".repeat(StringUtils.countOccurrencesOf(page, "/")) + sibling;
	}

}
