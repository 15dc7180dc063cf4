package dev.vgi.external;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcParam;
import dev.vgi.external.rpc.RpcService;
import dev.vgi.external.rpc.pipe.client.RpcConnection;
import dev.vgi.external.url.AllowedUrlValidator;
import dev.vgi.external.url.UrlValidator;

/**
 * A program without a Spring context that calls a worker: the one that docs/plain-java.md
 * shows.
 */
public final class PlainWorker {

	private PlainWorker() {
	}

	public static void main(String[] args) {
		run(List.of(args));
	}

	private static void run(List<String> command) {
		// [program]
		UrlValidator policy = AllowedUrlValidator.builder().schemes("https").hosts("storage.example").build();
		try (RpcConnection connection = RpcConnection.builder(command)
			.name("model")
			.size(2)
			.callTimeout(Duration.ofSeconds(30))
			.externalLocation(ExternalLocationConfig.defaults().withUrlValidator(policy))
			.build()) {
			Model model = connection.client(Model.class);
			System.out.println("the score is " + model.score(2.5));
		}
		// [program]
	}

	/**
	 * The methods of the worker.
	 */
	@RpcService
	public interface Model {

		@RpcMethod("echo")
		double score(@RpcParam("result") double value);

	}

}
