package dev.vgi.external.test.example;

import dev.vgi.external.test.ArrowAllocatorExtension;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import static dev.vgi.external.test.ArrowAssertions.assertThat;

@ExtendWith(ArrowAllocatorExtension.class)
class FlightsTests {

	@Test
	void delaysAreMinutes(BufferAllocator allocator) {
		try (VectorSchemaRoot flights = new FlightController(allocator).flights()) {
			assertThat(flights).hasRows(3).hasColumns("delay").column("delay").containsExactly(5, 12, null);
		}
	}

}
