package dev.vgi.external.autoconfigure;

import java.util.List;

import dev.vgi.external.storage.ExternalStorage;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.webmvc.test.autoconfigure.WebMvcTest;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.test.web.servlet.assertj.MockMvcTester;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Arrow handlers in a slice of an application whose settings name a bucket.
 */
@WebMvcTest(controllers = WebMvcSliceTests.Rows.class,
		properties = { "vgi.external.s3.bucket=bucket", "vgi.external.externalize-threshold=1KB" })
class WebMvcSliceTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	@Autowired
	private MockMvcTester mvc;

	@Autowired
	private BufferAllocator allocator;

	@Autowired
	private ApplicationContext context;

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void arrowIsReadAndWritten() {
		var answer = this.mvc.get().uri("/rows").accept(ARROW).exchange();
		assertThat(answer).hasStatusOk().hasContentType(ARROW);
		byte[] stream = answer.getResponse().getContentAsByteArray();
		assertThat(stream).hasSizeGreaterThan(8 * 1000);
		assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(stream)).hasStatusOk()
			.hasBodyTextEqualTo("1000");
	}

	@Test
	void thereIsNoStorage() {
		assertThat(this.context.getBeanProvider(ExternalStorage.class).getIfAvailable()).isNull();
		assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(new byte[] { 1, 2 })).hasStatus(400);
	}

	@SpringBootConfiguration
	@EnableAutoConfiguration
	@Import(Rows.class)
	static class Application {

	}

	@RestController
	record Rows(BufferAllocator allocator) {

		@GetMapping("/rows")
		VectorSchemaRoot rows() {
			BigIntVector vector = new BigIntVector("v", this.allocator);
			vector.allocateNew(1000);
			vector.setValueCount(1000);
			return new VectorSchemaRoot(List.of(vector));
		}

		@PostMapping("/rows")
		String count(@RequestBody VectorSchemaRoot rows) {
			return String.valueOf(rows.getRowCount());
		}

	}

}
