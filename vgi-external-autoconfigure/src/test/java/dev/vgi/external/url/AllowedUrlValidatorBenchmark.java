package dev.vgi.external.url;

import java.net.URI;
import java.util.concurrent.TimeUnit;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * A signed URL judged, and parsed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class AllowedUrlValidatorBenchmark {

	private final String text = "https://bucket.s3.eu-central-1.amazonaws.com/vgi-rpc/0123456789abcdef0123456789abcdef"
			+ ".arrow?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=" + "0".repeat(64);

	private final URI url = URI.create(this.text);

	private final UrlValidator validator = AllowedUrlValidator.builder()
		.hosts("storage.example.com", "*.internal.example.com:8443")
		.publicHosts(true)
		.build();

	@Benchmark
	public URI judge() {
		this.validator.validate(this.url);
		return this.url;
	}

	@Benchmark
	public URI parse() {
		return URI.create(this.text);
	}

}
