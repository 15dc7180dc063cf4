package dev.vgi.external;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServer;
import javax.management.ObjectName;

import jdk.jfr.Configuration;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;

import org.springframework.context.ConfigurableApplicationContext;

/**
 * A process of its own that uses its service in all ways, for those who watch processes.
 * Records its flight, logs everything, and writes down what its MBeans show, and its
 * secrets.
 */
public final class SecretsProcess {

	private SecretsProcess() {
	}

	/**
	 * Run everything, with one of Boot's structured formats each.
	 * @param arguments the folder to write to, and properties
	 */
	public static void main(String[] arguments) throws Exception {
		Path folder = Path.of(arguments[0]);
		Watch watch = new Watch();
		SecretsScenario scenario = new SecretsScenario(Files.createDirectory(folder.resolve("store")), watch);
		try (Recording recording = new Recording(Configuration.getConfiguration("profile"))) {
			for (EventType type : FlightRecorder.getFlightRecorder().getEventTypes()) {
				if (!type.getCategoryNames().contains("Java Virtual Machine")) {
					recording.enable(type.getName())
						.withThreshold(Duration.ZERO)
						.withoutStackTrace()
						.with("throttle", "off");
				}
			}
			recording.start();
			scenario.bucket(List.of("refuse", "redirect"), logging(folder, "ecs"));
			scenario.localStore(logging(folder, "logstash", "vgi.external.binding=principal"));
			scenario.googleBucket(logging(folder, "gelf", "vgi.external.binding=principal"));
			for (String server : List.of("tomcat", "jetty")) {
				scenario.foreignWays(logging(folder, "logstash", OneServerFilter.PROPERTY + "=" + server));
			}
			recording.stop();
			recording.dump(folder.resolve("flight.jfr"));
		}
		Files.write(folder.resolve("beans.txt"), watch.beans);
		Files.write(folder.resolve("observations.txt"), watch.observations);
		Files.write(folder.resolve("shown.txt"), scenario.shown());
		Files.write(folder.resolve("secrets.txt"), scenario.secrets());
	}

	private static String[] logging(Path folder, String format, String... settings) {
		return Stream.concat(Stream.of(settings), Stream.of("logging.file.name=" + folder.resolve(format + ".log"),
				"logging.structured.format.file=" + format, "logging.level.root=trace", "logging.threshold.console=off",
				"logging.logback.rollingpolicy.max-file-size=10GB", "server.tomcat.mbeanregistry.enabled=true",
				// That is the log, once more.
				"management.endpoints.web.exposure.exclude=logfile"))
			.toArray(String[]::new);
	}

	/**
	 * Reads what is there to be read shortly before an application ends.
	 */
	private static final class Watch implements SecretsScenario.Watch {

		private final List<String> beans = new ArrayList<>();

		private final List<String> observations = new ArrayList<>();

		@Override
		public void ending(ConfigurableApplicationContext context) {
			this.observations.addAll(context.getBean(SecretsApplication.Observations.class).seen());
			MBeanServer server = ManagementFactory.getPlatformMBeanServer();
			try {
				for (ObjectName name : server.queryNames(null, null)) {
					for (MBeanAttributeInfo attribute : server.getMBeanInfo(name).getAttributes()) {
						this.beans.add(name.getDomain() + ":type=" + name.getKeyProperty("type") + " "
								+ attribute.getName() + " " + value(server, name, attribute.getName()));
					}
				}
			}
			catch (JMException ex) {
				throw new IllegalStateException(ex);
			}
		}

		private static String value(MBeanServer server, ObjectName name, String attribute) {
			try {
				Object value = server.getAttribute(name, attribute);
				return ((value instanceof Object[] values) ? Arrays.deepToString(values) : String.valueOf(value))
					.replace("\n", " ");
			}
			catch (JMException | RuntimeException ex) {
				return "";
			}
		}

	}

}
