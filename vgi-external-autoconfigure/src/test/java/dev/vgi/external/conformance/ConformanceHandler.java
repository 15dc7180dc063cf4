package dev.vgi.external.conformance;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * Ordinary handlers beside the methods of the conformance service.
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

	@GetMapping("/reader")
	ArrowReader reader(@RequestParam int batches, @RequestParam int rows,
			@RequestParam(defaultValue = "0") int failAt) {
		return new ConformanceReader(this.allocator, batches, rows, failAt);
	}

	@PostMapping("/echo")
	List<AnnotatedBatch> echo(@RequestBody List<AnnotatedBatch> batches) {
		return batches;
	}

	@PostMapping("/echo/reader")
	ArrowReader echo(@RequestBody ArrowReader batches) {
		return batches;
	}

}
