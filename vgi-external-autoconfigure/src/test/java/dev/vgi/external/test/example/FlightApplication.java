package dev.vgi.external.test.example;

import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Import;

/**
 * An application with flights.
 */
@SpringBootConfiguration
@EnableAutoConfiguration
@Import(FlightController.class)
class FlightApplication {

}
