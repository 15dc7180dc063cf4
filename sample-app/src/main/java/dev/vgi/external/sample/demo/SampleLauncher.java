package dev.vgi.external.sample.demo;

import java.util.Arrays;

import dev.vgi.external.sample.SampleApplication;

import org.springframework.boot.SpringApplication;

/**
 * Entry point of the executable jar: runs the {@code demo} command or the service.
 */
public final class SampleLauncher {

	private SampleLauncher() {
	}

	public static void main(String[] args) {
		if (args.length > 0 && args[0].equals("demo")) {
			DemoCommand demo = new DemoCommand(System.out, System.console() != null);
			System.exit(demo.run(Arrays.asList(args).subList(1, args.length)));
		}
		// Here, so that Boot takes this class for the main one, as the jar does.
		SpringApplication.run(SampleApplication.class, args);
	}

}
