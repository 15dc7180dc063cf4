package dev.vgi.external.test.example;

import dev.vgi.external.test.ArrowAllocatorExtension;
import dev.vgi.external.test.ArrowBodies;
import dev.vgi.external.test.AutoConfigureVgiExternal;
import dev.vgi.external.test.InMemoryStorage;
import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.webmvc.test.autoconfigure.WebMvcTest;
import org.springframework.test.web.servlet.assertj.MockMvcTester;

import static dev.vgi.external.test.ArrowAssertions.ARROW_BODY;
import static org.assertj.core.api.Assertions.assertThat;

@WebMvcTest(FlightController.class)
@AutoConfigureVgiExternal
@ExtendWith(ArrowAllocatorExtension.class)
class FlightControllerTests {

	@Autowired
	private MockMvcTester mvc;

	@Autowired
	private InMemoryStorage storage;

	@Test
	void callerThatKnowsNoPointersIsRedirected() {
		assertThat(this.mvc.get().uri("/flights").accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)).hasStatus(303)
			.headers()
			.containsHeader("Location");
		assertThat(this.storage.uploads()).singleElement()
			.satisfies((upload) -> assertThat(upload).hasRows(3).column("delay").containsExactly(5, 12, null));
	}

	@Test
	void callerThatKnowsPointersGetsOne() {
		assertThat(this.mvc.get()
			.uri("/flights")
			.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
			.header(Capabilities.ACCEPT_POINTERS, "true")).hasStatusOk().body().asInstanceOf(ARROW_BODY).isPointer();
	}

	@Test
	void pointerOfACallerIsResolved(BufferAllocator allocator) {
		try (VectorSchemaRoot flights = new FlightController(allocator).flights()) {
			assertThat(this.mvc.post()
				.uri("/flights")
				.contentType(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.content(ArrowBodies.pointer(this.storage, flights))).hasBodyTextEqualTo("3 flights");
		}
	}

	@Test
	void storageFails() {
		this.storage.failNextUpload();
		assertThat(this.mvc.get().uri("/flights").accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)).hasStatus(502);
		assertThat(this.storage.uploads()).isEmpty();
	}

}
