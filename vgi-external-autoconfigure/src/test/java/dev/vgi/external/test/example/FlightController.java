package dev.vgi.external.test.example;

import java.util.List;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

@RestController
class FlightController implements FlightService {

	private final BufferAllocator allocator;

	FlightController(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	@GetMapping("/flights")
	VectorSchemaRoot flights() {
		BigIntVector delay = new BigIntVector("delay", this.allocator);
		delay.setSafe(0, 5);
		delay.setSafe(1, 12);
		delay.setValueCount(3);
		return new VectorSchemaRoot(List.of(delay));
	}

	@PostMapping("/flights")
	String count(@RequestBody VectorSchemaRoot flights) {
		return flights.getRowCount() + " flights";
	}

	@Override
	public List<Long> delays(String origin) {
		return List.of(5L, 12L);
	}

}
