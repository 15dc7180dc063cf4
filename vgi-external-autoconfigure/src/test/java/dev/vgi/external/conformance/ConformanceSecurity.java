package dev.vgi.external.conformance;

import dev.vgi.external.autoconfigure.security.RpcAuthenticationEntryPoint;
import dev.vgi.external.autoconfigure.security.VgiRequest;

import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.header.writers.CrossOriginResourcePolicyHeaderWriter.CrossOriginResourcePolicy;

/**
 * What a user would configure: nobody is let in, or everybody is, with the resource
 * policy that isolated pages ask for.
 */
@Configuration(proxyBeanMethods = false)
class ConformanceSecurity {

	@Bean
	@ConditionalOnProperty(name = "conformance.security", havingValue = "auth")
	SecurityFilterChain nobody(HttpSecurity http) throws Exception {
		return http
			.csrf((csrf) -> csrf.ignoringRequestMatchers(VgiRequest.toRpc(), VgiRequest.toUploadUrls(),
					VgiRequest.toLocalStore()))
			.authorizeHttpRequests(
					(requests) -> requests.requestMatchers(VgiRequest.toHealth(), VgiRequest.toLocalStore())
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
		return http
			.csrf((csrf) -> csrf.ignoringRequestMatchers(VgiRequest.toRpc(), VgiRequest.toUploadUrls(),
					VgiRequest.toLocalStore()))
			.authorizeHttpRequests((requests) -> requests.anyRequest().permitAll())
			.headers((headers) -> headers
				.crossOriginResourcePolicy((policy) -> policy.policy(CrossOriginResourcePolicy.CROSS_ORIGIN)))
			.build();
	}

}
