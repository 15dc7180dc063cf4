package dev.vgi.external.storage.custom;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Configuration;

/**
 * A service with a local store, for a process of its own.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
class KilledService {

	public static void main(String[] args) {
		SpringApplication.run(KilledService.class, args);
	}

}
