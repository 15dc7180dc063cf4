package dev.vgi.external.conformance;

import java.util.List;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * An ordinary handler beside the methods of the conformance service.
 */
@RestController
class ConformanceHandler {

	private final BufferAllocator allocator;

	ConformanceHandler(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	@GetMapping("/numbers")
	VectorSchemaRoot numbers(@RequestParam int rows) {
		BigIntVector vector = new BigIntVector("value", this.allocator);
		vector.allocateNew(rows);
		for (int i = 0; i < rows; i++) {
			vector.set(i, i);
		}
		vector.setValueCount(rows);
		return new VectorSchemaRoot(List.of(vector));
	}

}
