package dev.vgi.external;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import javax.xml.parsers.DocumentBuilderFactory;

import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

import org.springframework.boot.SpringApplication;

/**
 * The artifacts that this project knows: those of its poms, and of the lists of versions
 * that these import, which the local repository of the build has.
 */
final class DocumentedPoms {

	private static final List<String> MODULES = List.of("pom.xml", "vgi-external-autoconfigure/pom.xml",
			"vgi-external-starter/pom.xml", "sample-app/pom.xml");

	private static final List<String> LISTS = List.of("org.springframework.boot:spring-boot-dependencies",
			"io.awspring.cloud:spring-cloud-aws-dependencies", "com.google.cloud:spring-cloud-gcp-dependencies");

	/** Versions by group and artifact, empty where a pom leaves it to others. */
	private final Map<String, String> versions = new HashMap<>();

	/** The version of this project. */
	private final String own;

	DocumentedPoms() throws Exception {
		Document root = parse(Files.readString(Pages.ROOT.resolve(MODULES.get(0))));
		this.own = text(root.getDocumentElement(), "version");
		Map<String, String> properties = new HashMap<>(Map.of("project.version", this.own));
		for (String module : MODULES) {
			add(parse(Files.readString(Pages.ROOT.resolve(module))), properties);
		}
		Path jar = Path.of(SpringApplication.class.getProtectionDomain().getCodeSource().getLocation().toURI());
		Path repository = jar.resolve("../../../../../..").normalize();
		for (String list : LISTS) {
			String[] name = list.split(":");
			String version = this.versions.get(list);
			add(parse(Files.readString(repository.resolve(name[0].replace('.', '/'))
				.resolve(name[1])
				.resolve(version)
				.resolve(name[1] + "-" + version + ".pom"))), new HashMap<>());
		}
	}

	private void add(Document pom, Map<String, String> properties) {
		properties.putAll(properties(pom));
		for (Element artifact : artifacts(pom)) {
			String version = resolve(text(artifact, "version"), properties);
			this.versions.merge(name(artifact), version, (known, other) -> known.isEmpty() ? other : known);
		}
		// A module has the group of its parent.
		String name = text(pom.getDocumentElement(), "artifactId");
		if (name.startsWith("vgi-")) {
			this.versions.put("dev.vgi:" + name, this.own);
		}
	}

	/**
	 * Checks a piece of a pom.
	 * @param xml the piece
	 * @return what is wrong, nothing if all is fine
	 * @throws Exception if it is not well-formed
	 */
	List<String> check(String xml) throws Exception {
		Document block = parse("<block>" + xml.replaceFirst("^<\\?xml.*?\\?>", "") + "</block>");
		Map<String, String> properties = properties(block);
		String own = text(block.getDocumentElement(), "project/artifactId");
		List<String> wrong = new ArrayList<>();
		for (Element artifact : artifacts(block)) {
			String name = name(artifact);
			String known = this.versions.get(name);
			String version = resolve(text(artifact, "version"), properties);
			if (known == null && !name.endsWith(":" + own)) {
				wrong.add("unknown artifact: " + name);
			}
			else if (known != null && !known.isEmpty() && !version.isEmpty() && !version.startsWith("$")
					&& !version.equals(known)) {
				wrong.add(name + " is " + version + ", but this project has " + known);
			}
		}
		return wrong;
	}

	private static Document parse(String xml) throws Exception {
		DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
		factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
		var builder = factory.newDocumentBuilder();
		builder.setErrorHandler(null);
		return builder.parse(new InputSource(new StringReader(xml)));
	}

	private static List<Element> artifacts(Document document) {
		return elements(document.getElementsByTagName("artifactId")).stream()
			.map((id) -> (Element) id.getParentNode())
			.filter((artifact) -> List.of("dependency", "exclusion", "plugin", "parent")
				.contains(artifact.getTagName()))
			.toList();
	}

	private static List<Element> elements(NodeList nodes) {
		return IntStream.range(0, nodes.getLength())
			.mapToObj(nodes::item)
			.filter((node) -> node.getNodeType() == Node.ELEMENT_NODE)
			.map((node) -> (Element) node)
			.toList();
	}

	private static Map<String, String> properties(Document document) {
		Map<String, String> properties = new HashMap<>();
		for (Element block : elements(document.getElementsByTagName("properties"))) {
			elements(block.getChildNodes())
				.forEach((property) -> properties.put(property.getTagName(), property.getTextContent()));
		}
		return properties;
	}

	private static String name(Element artifact) {
		String group = text(artifact, "groupId");
		return (group.isEmpty() ? "org.apache.maven.plugins" : group) + ":" + text(artifact, "artifactId");
	}

	private static String text(Element parent, String path) {
		String[] names = path.split("/", 2);
		for (Element child : elements(parent.getChildNodes())) {
			if (child.getTagName().equals(names[0])) {
				return (names.length == 1) ? child.getTextContent().strip() : text(child, names[1]);
			}
		}
		return "";
	}

	private static String resolve(String version, Map<String, String> properties) {
		return version.startsWith("${") ? properties.getOrDefault(version.substring(2, version.length() - 1), "")
				: version;
	}

}
