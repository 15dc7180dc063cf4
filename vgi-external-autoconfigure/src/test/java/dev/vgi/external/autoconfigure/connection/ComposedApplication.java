package dev.vgi.external.autoconfigure.connection;

import software.amazon.awssdk.services.s3.S3Client;

import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/**
 * Runs in a process of its own, whose {@code docker} is a script.
 */
public final class ComposedApplication {

	private ComposedApplication() {
	}

	public static void main(String[] arguments) {
		try (ConfigurableApplicationContext context = SpringApplication.run(NumbersApplication.class, arguments)) {
			long sum = NumbersApplication.sum(context, NumbersApplication.LARGE);
			System.out.println("sum is right: " + (sum == NumbersApplication.expected(NumbersApplication.LARGE)));
			context.getBeanProvider(S3Client.class)
				.ifAvailable((client) -> System.out.println("buckets of S3: " + client.listBuckets().buckets()));
		}
	}

}
