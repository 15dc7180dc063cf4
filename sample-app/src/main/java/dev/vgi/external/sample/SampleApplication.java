package dev.vgi.external.sample;

import java.util.Arrays;

import dev.vgi.external.sample.demo.DemoCommand;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;

/**
 * Serves three million flights as Arrow, or calls such a service: {@code demo}.
 */
@SpringBootApplication
@ConfigurationPropertiesScan
public class SampleApplication {

	public static void main(String[] args) {
		if (args.length > 0 && args[0].equals("demo")) {
			DemoCommand demo = new DemoCommand(System.out, System.console() != null);
			System.exit(demo.run(Arrays.asList(args).subList(1, args.length)));
		}
		SpringApplication.run(SampleApplication.class, args);
	}

}
