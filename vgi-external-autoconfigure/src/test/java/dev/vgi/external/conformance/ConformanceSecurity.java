package dev.vgi.external.conformance;

import java.util.List;

import dev.vgi.external.autoconfigure.security.VgiRequest;
import dev.vgi.external.web.Capabilities;
import dev.vgi.external.web.server.RpcAuthenticationEntryPoint;

import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.header.writers.CrossOriginResourcePolicyHeaderWriter.CrossOriginResourcePolicy;
import org.springframework.web.cors.CorsConfiguration;
import org.springframework.web.cors.CorsConfigurationSource;
import org.springframework.web.cors.UrlBasedCorsConfigurationSource;

/**
 * What a user would configure: nobody is let in, or browsers of one origin are.
 */
@Configuration(proxyBeanMethods = false)
class ConformanceSecurity {

	@Bean
	@ConditionalOnProperty(name = "conformance.security", havingValue = "auth")
	SecurityFilterChain nobody(HttpSecurity http) throws Exception {
		return http.csrf((csrf) -> csrf.ignoringRequestMatchers(VgiRequest.toRpc(), VgiRequest.toUploadUrls()))
			.authorizeHttpRequests((requests) -> requests.requestMatchers(VgiRequest.toHealth())
				.permitAll()
				.anyRequest()
				.authenticated())
			.exceptionHandling(
					(handling) -> handling.authenticationEntryPoint(new RpcAuthenticationEntryPoint("Bearer")))
			.build();
	}

	@Bean
	@ConditionalOnProperty(name = "conformance.security", havingValue = "cors")
	SecurityFilterChain browsers(HttpSecurity http) throws Exception {
		return http.csrf((csrf) -> csrf.ignoringRequestMatchers(VgiRequest.toRpc(), VgiRequest.toUploadUrls()))
			.authorizeHttpRequests((requests) -> requests.anyRequest().permitAll())
			.cors(Customizer.withDefaults())
			.headers((headers) -> headers
				.crossOriginResourcePolicy((policy) -> policy.policy(CrossOriginResourcePolicy.CROSS_ORIGIN)))
			.build();
	}

	@Bean
	@ConditionalOnProperty(name = "conformance.security", havingValue = "cors")
	CorsConfigurationSource corsConfigurationSource() {
		CorsConfiguration cors = new CorsConfiguration();
		cors.setAllowedOrigins(List.of("https://conformance.example"));
		cors.setAllowedMethods(List.of("GET", "POST"));
		cors.setAllowedHeaders(List.of(CorsConfiguration.ALL));
		cors.setExposedHeaders(Capabilities.responseHeaders());
		UrlBasedCorsConfigurationSource source = new UrlBasedCorsConfigurationSource();
		source.registerCorsConfiguration("/**", cors);
		return source;
	}

}
