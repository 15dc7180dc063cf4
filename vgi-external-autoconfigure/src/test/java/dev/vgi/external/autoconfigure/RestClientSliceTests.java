package dev.vgi.external.autoconfigure;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;

import dev.vgi.external.web.ArrowStreamHttpMessageConverter;
import dev.vgi.external.web.Capabilities;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.restclient.test.autoconfigure.RestClientTest;
import org.springframework.context.annotation.Import;
import org.springframework.test.web.client.MockRestServiceServer;
import org.springframework.web.client.RestClient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.springframework.test.web.client.match.MockRestRequestMatchers.header;
import static org.springframework.test.web.client.match.MockRestRequestMatchers.requestTo;
import static org.springframework.test.web.client.response.MockRestResponseCreators.withSuccess;

/**
 * Arrow clients in a slice of an application whose settings name a bucket.
 */
@RestClientTest(components = RestClientSliceTests.Client.class, properties = "vgi.external.s3.bucket=bucket")
class RestClientSliceTests {

	@Autowired
	private Client client;

	@Autowired
	private MockRestServiceServer server;

	@Autowired
	private BufferAllocator allocator;

	@AfterEach
	void nothingIsLeft() {
		assertThat(this.allocator.getAllocatedMemory()).isZero();
	}

	@Test
	void arrowIsRead() throws IOException {
		this.server.expect(requestTo("/rows"))
			.andExpect(header(Capabilities.ACCEPT_POINTERS, "true"))
			.andRespond(withSuccess(stream(), ArrowStreamHttpMessageConverter.ARROW_STREAM));
		try (VectorSchemaRoot rows = this.client.rows()) {
			assertThat(rows.getRowCount()).isEqualTo(3);
		}
	}

	private byte[] stream() throws IOException {
		ByteArrayOutputStream stream = new ByteArrayOutputStream();
		BigIntVector vector = new BigIntVector("v", this.allocator);
		vector.allocateNew(3);
		vector.setValueCount(3);
		try (VectorSchemaRoot root = new VectorSchemaRoot(List.of(vector));
				ArrowStreamWriter writer = new ArrowStreamWriter(root, null, stream)) {
			writer.writeBatch();
		}
		return stream.toByteArray();
	}

	@SpringBootConfiguration
	@EnableAutoConfiguration
	@Import(Client.class)
	static class Application {

	}

	static class Client {

		private final RestClient rest;

		Client(RestClient.Builder builder) {
			this.rest = builder.build();
		}

		VectorSchemaRoot rows() {
			VectorSchemaRoot rows = this.rest.get()
				.uri("/rows")
				.accept(ArrowStreamHttpMessageConverter.ARROW_STREAM)
				.retrieve()
				.body(VectorSchemaRoot.class);
			assertThat(rows).isNotNull();
			return rows;
		}

	}

}
