package dev.vgi.external.autoconfigure;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.webmvc.test.autoconfigure.WebMvcTest;
import org.springframework.context.annotation.Import;
import org.springframework.http.HttpStatus;
import org.springframework.test.web.servlet.assertj.MockMvcTester;
import org.springframework.test.web.servlet.assertj.MvcTestResult;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Handlers of Arrow in Boot's slice of Spring MVC.
 */
@WebMvcTest(WebMvcSliceTests.RowsController.class)
class WebMvcSliceTests {

	private static final String ARROW = "application/vnd.apache.arrow.stream";

	@Autowired
	private MockMvcTester mvc;

	@Autowired
	private BufferAllocator allocator;

	@AfterEach
	void nothingIsLeftAllocated() {
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void whatOneHandlerReturnsAnotherIsGiven() {
		MvcTestResult rows = this.mvc.get().uri("/rows").exchange();
		assertThat(rows).hasStatusOk().hasContentType(ARROW);
		assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(rows.getResponse().getContentAsByteArray()))
			.hasStatusOk()
			.hasBodyTextEqualTo("3");
	}

	@Test
	void whatIsNoArrowIsRefused() {
		assertThat(this.mvc.post().uri("/rows").contentType(ARROW).content(new byte[] { 1, 2 }))
			.hasStatus(HttpStatus.BAD_REQUEST);
	}

	@SpringBootConfiguration
	@EnableAutoConfiguration
	@Import(RowsController.class)
	static class Application {

	}

	@RestController
	static class RowsController {

		private final BufferAllocator allocator;

		RowsController(BufferAllocator allocator) {
			this.allocator = allocator;
		}

		@GetMapping("/rows")
		VectorSchemaRoot rows() {
			BigIntVector vector = new BigIntVector("n", this.allocator);
			vector.allocateNew(3);
			vector.setValueCount(3);
			return VectorSchemaRoot.of(vector);
		}

		@PostMapping("/rows")
		String count(@RequestBody VectorSchemaRoot root) {
			return String.valueOf(root.getRowCount());
		}

	}

}
