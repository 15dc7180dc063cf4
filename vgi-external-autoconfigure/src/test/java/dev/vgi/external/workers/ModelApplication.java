package dev.vgi.external.workers;

import java.util.List;

import dev.vgi.external.rpc.pipe.client.RpcWorkers;

import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/**
 * The application of docs/workers.md that calls a worker.
 */
@SpringBootApplication
public class ModelApplication {

	public static void main(String[] args) {
		SpringApplication.run(ModelApplication.class, args);
	}

	@Bean
	Model model(RpcWorkers workers) {
		return workers.client("model", Model.class);
	}

	@Bean
	CommandLineRunner score(Model model) {
		return (args) -> System.out.println(model.score(List.of(1.0, 2.0, 4.5)));
	}

}
