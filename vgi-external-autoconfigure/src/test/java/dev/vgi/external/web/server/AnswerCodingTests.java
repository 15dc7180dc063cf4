package dev.vgi.external.web.server;

import java.util.List;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import org.springframework.mock.web.MockHttpServletRequest;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests for {@link AnswerCoding}.
 */
class AnswerCodingTests {

	@ParameterizedTest
	@CsvSource(nullValues = "-", delimiter = '|',
			value = { "gzip;q=0 | -", "zstd;q=0, gzip | gzip", "gzip;q=0.5, zstd;q=0.6 | zstd", "gzip, zstd | gzip",
					"gzip;q=1.000, zstd;q=1 | gzip", "GZip ; Q=0.001 | gzip", "x-gzip | gzip", "* | zstd",
					"*, zstd;q=0 | gzip", "*;q=0 | -", "*;q=0, gzip | gzip", "zstd;q=0.5, * | gzip",
					"gzip;q=0.5, *;q=0.1 | gzip", "identity, zstd | -", "identity;q=0.5, zstd | zstd",
					"identity;q=0.5, zstd;q=0.4 | -", "identity;q=0, zstd;q=0.1 | zstd", "br, deflate | -",
					"gzip;q=2 | -", "gzip;q= | -", "gzip;q=0.5555, zstd;q=0.1 | zstd", "gzip;level=9 | gzip",
					"gzip;q=0, gzip | -", "'' | -", "'  , ,' | -" })
	void weightsCountAndThenTheOrder(String accepted, @Nullable String coding) {
		assertChosen(accepted, List.of("zstd", "gzip"), coding);
	}

	@ParameterizedTest
	@CsvSource(nullValues = "-", delimiter = '|',
			value = { "identity;q=0 | zstd,gzip | gzip", "identity;q=0 | zstd | zstd",
					"identity;q=0, gzip;q=0 | zstd,gzip | zstd", "identity;q=0, br | zstd,gzip | gzip",
					"identity;q=0, * | zstd,gzip | zstd", "identity;q=0, *;q=0 | zstd,gzip | -",
					"identity;q=0, gzip;q=0, zstd;q=0 | zstd,gzip | -", "identity;q=0 | '' | -" })
	void wherePlainIsExcludedWhatIsNotGoesBeforeIt(String accepted, String supported, @Nullable String coding) {
		assertChosen(accepted, List.of(supported.split(",")), coding);
	}

	@ParameterizedTest
	@CsvSource(nullValues = "-", delimiter = '|',
			value = { "identity;q=0 | zstd | zstd", "identity;q=0 | br | gzip", "identity;q=0 | identity | -" })
	void whatEitherHeaderNamesGoesBeforeWhatNoneDoes(String own, String standard, @Nullable String coding) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.addHeader("X-VGI-Accept-Encoding", own);
		request.addHeader("Accept-Encoding", standard);
		AnswerCoding chosen = AnswerCoding.of(request, List.of("zstd", "gzip"));
		assertThat((chosen != null) ? chosen.codec().coding() : null).isEqualTo(coding);
	}

	@ParameterizedTest
	@CsvSource(delimiter = '|', value = { "gzip, zstd | true", "zstd;q=0, gzip | false", "*;q=0.1 | true",
			"*, zstd;q=0 | false", "gzip | false", "'' | false" })
	void whatIsStoredIsCodedForWhoeverTakesIt(String accepted, boolean taken) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.addHeader("Accept-Encoding", accepted);
		request.addHeader("X-VGI-Accept-Encoding", "zstd");
		assertThat(AnswerCoding.isAccepted(request, "zstd")).isEqualTo(taken);
	}

	private static void assertChosen(String accepted, List<String> supported, @Nullable String coding) {
		for (String header : List.of("Accept-Encoding", "X-VGI-Accept-Encoding")) {
			MockHttpServletRequest request = new MockHttpServletRequest();
			request.addHeader(header, accepted);
			AnswerCoding chosen = AnswerCoding.of(request, supported);
			assertThat((chosen != null) ? chosen.codec().coding() : null).isEqualTo(coding);
			if (chosen != null) {
				assertThat(chosen.label()).isEqualTo(header.replace("Accept", "Content"));
			}
		}
	}

	@ParameterizedTest
	@CsvSource(nullValues = "-", delimiter = '|',
			value = { "zstd | gzip, zstd;q=0 | X-VGI-Content-Encoding", "zstd | gzip, zstd;q=0.1 | Content-Encoding",
					"zstd | * | Content-Encoding", "zstd;q=0 | zstd | Content-Encoding", "identity | zstd | -",
					"br | zstd | Content-Encoding" })
	void theProtocolsOwnHeaderGoesFirst(String own, String standard, @Nullable String label) {
		MockHttpServletRequest request = new MockHttpServletRequest();
		request.addHeader("X-VGI-Accept-Encoding", own);
		request.addHeader("Accept-Encoding", standard);
		AnswerCoding chosen = AnswerCoding.of(request, List.of("zstd", "gzip"));
		assertThat((chosen != null) ? chosen.label() : null).isEqualTo(label);
	}

}
