package dev.vgi.external.test.example.client;

import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.web.service.registry.ImportHttpServices;

/**
 * An application that calls the flights of another one.
 */
@SpringBootConfiguration
@EnableAutoConfiguration
@ImportHttpServices(group = "flights", types = { FlightClient.class, FlightService.class })
class FlightClientApplication {

}
