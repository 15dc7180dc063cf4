package dev.vgi.external.autoconfigure.actuate;

import java.util.Set;

import org.springframework.boot.actuate.endpoint.Show;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Settings of the endpoint {@code vgiexternal}.
 *
 * @param showValues When to show locations, messages and identifiers of requests.
 * @param roles Roles of those who are authorized to see the values. If empty, everybody
 * who is authenticated is.
 */
@ConfigurationProperties("management.endpoint.vgiexternal")
public record VgiExternalEndpointProperties(@DefaultValue("always") Show showValues, @DefaultValue Set<String> roles) {

}
