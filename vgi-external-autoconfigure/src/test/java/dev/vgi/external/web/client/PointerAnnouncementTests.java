package dev.vgi.external.web.client;

import java.util.ArrayList;
import java.util.List;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.test.web.client.MockRestServiceServer;
import org.springframework.web.client.RestClient;
import org.springframework.web.client.RestTemplate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.springframework.test.web.client.response.MockRestResponseCreators.withSuccess;

/**
 * Tests for {@link PointerAnnouncement}: what is said to whom.
 */
class PointerAnnouncementTests {

	private final List<@Nullable String> announced = new ArrayList<>();

	@ParameterizedTest
	@CsvSource(nullValues = "-", delimiter = '|',
			value = { "- | true", "application/vnd.apache.arrow.stream | true",
					"application/json, application/vnd.apache.arrow.stream;q=0.5 | true", "*/* | where-named",
					"application/* | where-named", "text/plain, */*;q=0.1 | where-named", "application/json | -",
					"text/*, application/json | -", "what ever | -" })
	void whoNamesNothingOrArrowResolvesPointers(@Nullable String accept, @Nullable String announcement) {
		call((accept != null) ? new String[] { "Accept", accept } : new String[0]);
		assertThat(this.announced).containsExactly(announcement);
	}

	@Test
	void whatTheCallerSaysItselfStays() {
		call("VGI-Accept-Pointers", "false");
		assertThat(this.announced).containsExactly("false");
	}

	private void call(String... header) {
		RestClient.Builder builder = RestClient.builder();
		PointerAnnouncement.applyTo(builder);
		record(MockRestServiceServer.bindTo(builder).build());
		builder.build().get().uri("/x").headers((headers) -> {
			if (header.length > 0) {
				headers.add(header[0], header[1]);
			}
		}).retrieve().toBodilessEntity();
	}

	@Test
	void aTemplateLeavesItToWhatIsAcceptedInTheEnd() {
		RestTemplate template = new RestTemplate();
		PointerAnnouncement.applyTo(template);
		record(MockRestServiceServer.bindTo(template).build());
		template.getForObject("/x", String.class);
		assertThat(this.announced).containsExactly("where-named");
	}

	private void record(MockRestServiceServer server) {
		server.expect((request) -> this.announced.add(request.getHeaders().getFirst("VGI-Accept-Pointers")))
			.andRespond(withSuccess());
	}

}
