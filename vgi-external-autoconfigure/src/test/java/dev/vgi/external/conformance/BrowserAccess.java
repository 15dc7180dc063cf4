package dev.vgi.external.conformance;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.web.Capabilities;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.web.cors.CorsConfiguration;
import org.springframework.web.cors.UrlBasedCorsConfigurationSource;
import org.springframework.web.filter.CorsFilter;

/**
 * Lets pages of other origins call the service, as {@code docs/security.md} shows it.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnProperty("app.page-origins")
class BrowserAccess {

	@Bean
	FilterRegistrationBean<CorsFilter> browserAccess(@Value("${app.page-origins}") List<String> origins) {
		CorsConfiguration cors = new CorsConfiguration();
		cors.setAllowedOrigins(origins);
		cors.setAllowedMethods(List.of("GET", "HEAD", "POST", "PUT"));
		cors.setAllowedHeaders(List.of(CorsConfiguration.ALL));
		cors.setExposedHeaders(Capabilities.responseHeaders());
		cors.setMaxAge(Duration.ofHours(1));
		UrlBasedCorsConfigurationSource paths = new UrlBasedCorsConfigurationSource();
		paths.registerCorsConfiguration("/**", cors);
		FilterRegistrationBean<CorsFilter> filter = new FilterRegistrationBean<>(new CorsFilter(paths));
		filter.setOrder(Ordered.HIGHEST_PRECEDENCE + 10);
		return filter;
	}

}
