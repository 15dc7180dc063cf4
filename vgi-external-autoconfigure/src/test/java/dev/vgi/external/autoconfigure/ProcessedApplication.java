package dev.vgi.external.autoconfigure;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Configuration;

/**
 * What {@link AheadOfTimeTests} processes and starts: Boot finds what was generated only
 * for a class that is in no other.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class ProcessedApplication {

	public static void main(String[] arguments) {
		SpringApplication.run(ProcessedApplication.class, arguments).close();
		System.out.println("STARTED");
	}

}
