package dev.vgi.external;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.github.luben.zstd.Zstd;
import com.google.cloud.spring.core.GcpProjectIdProvider;
import com.google.cloud.storage.Storage;
import io.awspring.cloud.core.region.StaticRegionProvider;
import io.micrometer.core.instrument.MeterRegistry;
import net.jpountz.lz4.LZ4Factory;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.catalina.startup.Tomcat;
import org.apache.hc.core5.http.HttpHost;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import software.amazon.awssdk.services.s3.S3Client;
import tools.jackson.databind.ObjectMapper;

import org.springframework.boot.SpringApplication;
import org.springframework.core.SpringVersion;
import org.springframework.security.core.Authentication;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Tests that {@code docs/versions.md} names the versions on this class path, and the root
 * pom that of Boot twice.
 */
class VersionsPageTests {

	private static final Map<String, Class<?>> WITNESSES = new LinkedHashMap<>();

	static {
		WITNESSES.put("Spring Boot", SpringApplication.class);
		WITNESSES.put("Spring Framework", SpringVersion.class);
		WITNESSES.put("Spring Security", Authentication.class);
		WITNESSES.put("Tomcat", Tomcat.class);
		WITNESSES.put("Jetty", Server.class);
		WITNESSES.put("Jackson", ObjectMapper.class);
		WITNESSES.put("Micrometer", MeterRegistry.class);
		WITNESSES.put("httpcore5", HttpHost.class);
		WITNESSES.put("Testcontainers", GenericContainer.class);
		WITNESSES.put("JUnit", Test.class);
		WITNESSES.put("Apache Arrow", VectorSchemaRoot.class);
		WITNESSES.put("zstd-jni", Zstd.class);
		WITNESSES.put("lz4-java", LZ4Factory.class);
		WITNESSES.put("Spring Cloud AWS", StaticRegionProvider.class);
		WITNESSES.put("AWS SDK", S3Client.class);
		WITNESSES.put("Spring Cloud GCP", GcpProjectIdProvider.class);
		WITNESSES.put("google-cloud-storage", Storage.class);
	}

	@Test
	void pageNamesTheVersionsOfTheClassPath() throws IOException {
		Map<String, String> expected = new LinkedHashMap<>();
		WITNESSES.forEach((name, type) -> expected.put(name, version(type)));
		assertThat(versions(Path.of("../docs/versions.md"))).containsExactlyEntriesOf(expected);
	}

	@Test
	void bomOfBootIsThatOfTheParent() throws IOException {
		String pom = Files.readString(Path.of("../pom.xml"));
		String boot = version(SpringApplication.class);
		assertThat(pom).contains("<version>" + boot + "</version>\n\t\t<relativePath/>")
			.contains("<spring-boot.version>" + boot + "</spring-boot.version>")
			.contains("<java.version>17</java.version>");
	}

	private static Map<String, String> versions(Path page) throws IOException {
		Map<String, String> versions = new LinkedHashMap<>();
		for (String line : Files.readAllLines(page)) {
			String[] cells = line.split("\\|");
			if (cells.length == 4 && cells[2].strip().matches("\\d+\\.\\S*")) {
				versions.put(cells[1].strip(), cells[2].strip());
			}
		}
		return versions;
	}

	/**
	 * Return the version in the name of the jar that has the given type: not every
	 * manifest has one.
	 * @param type a type of a library
	 * @return the version
	 */
	private static String version(Class<?> type) {
		CodeSource source = type.getProtectionDomain().getCodeSource();
		Matcher matcher = Pattern.compile("-(\\d[^/]*)\\.jar$").matcher(source.getLocation().getPath());
		assertThat(matcher.find()).as("version of %s", source.getLocation()).isTrue();
		return matcher.group(1);
	}

}
