package dev.vgi.external.url;

import java.net.URI;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;

class AllowedUrlValidatorTests {

	private static final String KEY = "vgi.external.url";

	private final AllowedUrlValidator open = AllowedUrlValidator.builder().publicHosts(true).build();

	private final AllowedUrlValidator listed = AllowedUrlValidator.builder()
		.schemes("HTTPS", "http")
		.hosts("data.example", "*.cdn.example", "ports.example:8443", "[::1]:9000", "10.0.0.1")
		.own((url) -> url.toString().startsWith("http://minio:9000/bucket/vgi-rpc/"))
		.key(KEY)
		.build();

	private static void refused(UrlValidator validator, String url, String reason) {
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> validator.validate(URI.create(url)))
			.withMessageContaining("URL rejected")
			.withMessageContaining(reason)
			.withMessageNotContaining("s3cret");
	}

	private static void accepted(UrlValidator validator, String url) {
		assertThatNoException().isThrownBy(() -> validator.validate(URI.create(url)));
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://storage.example/x?sig=s3cret", "https://8.8.8.8/x", "HTTPS://a.example:8443/#f",
			"https://[2606:4700::1111]/", "https://a.example./x" })
	void publicHostsAreAdmitted(String url) {
		accepted(this.open, url);
	}

	@ParameterizedTest
	@ValueSource(strings = { "http://a.example/?sig=s3cret", "ftp://a.example/", "file://host/etc/passwd",
			"gopher://a.example:70/" })
	void otherSchemesAreRefused(String url) {
		refused(this.open, url, KEY + ".allowed-schemes (https)");
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://127.0.0.1/?sig=s3cret", "https://10.1.2.3/", "https://192.168.0.1/",
			"https://172.16.0.1/", "https://169.254.169.254/latest/meta-data", "https://100.64.0.1/",
			"https://0.0.0.0/", "https://224.0.0.1/", "https://[::1]/", "https://[::]/", "https://[fe80::1]/",
			"https://[fd00::1]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::a00:1]/",
			"https://[2002:a00:1::]/", "https://localhost/", "https://a.LOCALHOST./" })
	void privateHostsAreRefused(String url) {
		refused(this.open, url, KEY + ".allow-private-addresses");
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://0177.0.0.1/",
			"https://1.2.3.4.5/", "https://[fe80::1%25eth0]/" })
	void oddFormsOfAddressesAreRefused(String url) {
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> this.open.validate(URI.create(url)));
	}

	@ParameterizedTest
	@ValueSource(strings = { "mailto:a@b", "/relative", "https:///path", "https://user:s3cret@a.example/",
			"https://us_er@a.example/", "https://under_score.example/" })
	void malformedUrlsAreRefused(String url) {
		assertThatExceptionOfType(UrlRejectedException.class).isThrownBy(() -> this.open.validate(URI.create(url)))
			.withMessageNotContaining("s3cret");
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://data.example/", "http://DATA.example:81/", "https://a.cdn.example/",
			"https://a.b.cdn.example./", "https://ports.example:8443/", "http://[::1]:9000/", "https://10.0.0.1/" })
	void listedHostsAreAdmitted(String url) {
		accepted(this.listed, url);
	}

	@ParameterizedTest
	@ValueSource(strings = { "https://cdn.example/", "https://evilcdn.example/", "https://data.example.evil/",
			"https://ports.example/", "http://[::1]/", "https://8.8.8.8/", "http://minio:9000/other/x",
			"http://minio:9000/actuator" })
	void hostsThatAreNotListedAreRefused(String url) {
		refused(this.listed, url, KEY + ".allowed-hosts");
	}

	@Test
	void ownUrlsAreAdmittedWhateverTheirScheme() {
		accepted(this.listed, "http://minio:9000/bucket/vgi-rpc/1.arrow?sig=s3cret");
	}

	@Test
	void listedAndOwnUrlsMayHavePrivateAddresses() {
		assertThat(mayBePrivate(this.listed, "https://data.example/x")).isTrue();
		assertThat(mayBePrivate(this.listed, "https://A.cdn.example./x")).isTrue();
		assertThat(mayBePrivate(this.listed, "https://ports.example:8443/x")).isTrue();
		assertThat(mayBePrivate(this.listed, "https://ports.example/x")).isFalse();
		assertThat(mayBePrivate(this.listed, "http://[::1]:9000/x")).isTrue();
		assertThat(mayBePrivate(this.listed, "http://minio:9000/bucket/vgi-rpc/1.arrow")).isTrue();
		assertThat(mayBePrivate(this.listed, "http://minio:9000/minio/admin")).isFalse();
		assertThat(mayBePrivate(this.open, "https://localhost/x")).isFalse();
	}

	private static boolean mayBePrivate(UrlValidator validator, String url) {
		return validator.admitsPrivateAddresses(URI.create(url));
	}

	@Test
	void privateAddressesCanBeAllowed() {
		AllowedUrlValidator lax = AllowedUrlValidator.builder()
			.schemes("http")
			.publicHosts(true)
			.allowPrivateAddresses(true)
			.build();
		accepted(lax, "http://localhost:1/");
		assertThat(mayBePrivate(lax, "http://localhost:1/")).isTrue();
	}

	@ParameterizedTest
	@ValueSource(strings = { "", " ", ".", ".a.example", "*", "*.", "*..", "*a.example", "a*b.example", "/a",
			"https://a.example", "@a", "u@h", "a:0", "a:65536", "a:123456", "a:b", "a:", ":80", "[::1", "[::g]",
			"[::1]:0" })
	void hostsThatAreNoneAreRefusedAtOnce(String host) {
		AllowedUrlValidator.Builder builder = AllowedUrlValidator.builder().hosts(host).key("my.service");
		assertThatIllegalArgumentException().isThrownBy(builder::build)
			.withMessageContaining("my.service.allowed-hosts");
	}

	@Test
	void aPortIsOneOrTheUsualOneOfTheScheme() {
		AllowedUrlValidator ports = AllowedUrlValidator.builder()
			.schemes("http", "https")
			.hosts("plain.example:80", "safe.example:443", "last.example:65535")
			.build();
		accepted(ports, "http://plain.example/");
		accepted(ports, "https://plain.example:80/");
		refused(ports, "https://plain.example/", KEY + ".allowed-hosts");
		accepted(ports, "HTTPS://safe.example/");
		accepted(ports, "http://safe.example:443/");
		refused(ports, "http://safe.example/", KEY + ".allowed-hosts");
		refused(ports, "https://safe.example:0/", KEY + ".allowed-hosts");
		accepted(ports, "https://last.example:65535/");
	}

	@Test
	void anAddressMayBeListedWithOrWithoutBrackets() {
		AllowedUrlValidator addresses = AllowedUrlValidator.builder().hosts("fd00::1", "[fd00::2]").build();
		accepted(addresses, "https://[fd00::1]:9000/");
		accepted(addresses, "https://[FD00::2]/");
		refused(addresses, "https://[fd00::3]/", KEY + ".allowed-hosts");
	}

	@Test
	void whatIsAllowedCanBeRead() {
		assertThat(this.listed.describe())
			.isEqualTo("data.example, *.cdn.example, ports.example:8443, [::1]:9000, 10.0.0.1 (http, https)");
		assertThat(this.open.describe()).isEqualTo("hosts with public addresses (https)");
		AllowedUrlValidator.Builder some = AllowedUrlValidator.builder().hosts("a.example").publicHosts(true);
		assertThat(some.allowPrivateAddresses(true).build().describe()).isEqualTo("a.example, any host (https)");
		assertThat(AllowedUrlValidator.builder().build().describe()).isEqualTo("nobody else");
	}

	@Test
	@SuppressWarnings("NullAway")
	void aPolicyKnowsItsOwnUrlsAndItsKey() {
		AllowedUrlValidator.Builder builder = AllowedUrlValidator.builder();
		assertThatIllegalArgumentException().isThrownBy(() -> builder.own(null));
		assertThatIllegalArgumentException().isThrownBy(() -> builder.key(" "));
	}

	@Test
	void everythingIsRefusedByDefault() {
		AllowedUrlValidator closed = AllowedUrlValidator.builder().build();
		refused(closed, "https://data.example/a", "host data.example is not among vgi.external.url.allowed-hosts");
		refused(closed, "http://data.example/a", "scheme http is not among vgi.external.url.allowed-schemes (https)");
		assertThat(mayBePrivate(closed, "https://data.example/a")).isFalse();
	}

}
