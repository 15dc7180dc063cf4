package dev.vgi.external.autoconfigure.actuate;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.springframework.util.Assert;
import org.springframework.web.util.HtmlUtils;

/**
 * Makes one document of the files in the folder {@code page}: styles and scripts move
 * into it, and its content security policy allows exactly these, by their digests. Hence
 * the browser runs nothing else, whatever a location contains, and the page needs no
 * other request than for its data.
 */
final class PageAssembly {

	private static final Pattern STYLE = Pattern.compile("<link rel=\"stylesheet\" href=\"([a-z.]+)\">");

	private static final Pattern SCRIPT = Pattern.compile("<script src=\"([a-z.]+)\"></script>");

	private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{([a-z]+)}}");

	private final Map<String, String> values = new TreeMap<>();

	/**
	 * Replace a placeholder.
	 * @param placeholder its name
	 * @param value any text; it is escaped
	 * @return this
	 */
	PageAssembly with(String placeholder, String value) {
		this.values.put(placeholder, HtmlUtils.htmlEscape(value));
		return this;
	}

	/**
	 * Assemble the document.
	 * @return the document
	 */
	String assemble() {
		String page = read("page.html");
		StringBuilder scripts = new StringBuilder();
		StringBuilder styles = new StringBuilder();
		page = STYLE.matcher(page).replaceAll((match) -> inlined("style", match, styles));
		page = SCRIPT.matcher(page).replaceAll((match) -> inlined("script", match, scripts));
		this.values.put("policy",
				"default-src 'none'; script-src" + scripts + "; style-src" + styles + "; img-src data:; "
						+ "connect-src 'self'; base-uri 'none'; form-action 'none'; "
						+ "require-trusted-types-for 'script'; trusted-types 'none'");
		return PLACEHOLDER.matcher(page).replaceAll((match) -> {
			String value = this.values.get(match.group(1));
			Assert.state(value != null, () -> "Nothing replaces " + match.group());
			return Matcher.quoteReplacement(value);
		});
	}

	private static String inlined(String element, MatchResult match, StringBuilder sources) {
		String content = read(match.group(1));
		Assert.state(!content.contains("</" + element), () -> match.group(1) + " would end its element");
		Assert.state(!PLACEHOLDER.matcher(content).find(), () -> match.group(1) + " would differ from its digest");
		sources.append(" 'sha256-").append(digest(content)).append('\'');
		return Matcher.quoteReplacement("<" + element + ">" + content + "</" + element + ">");
	}

	private static String digest(String content) {
		try {
			byte[] digest = MessageDigest.getInstance("SHA-256").digest(content.getBytes(StandardCharsets.UTF_8));
			return Base64.getEncoder().encodeToString(digest);
		}
		catch (NoSuchAlgorithmException ex) {
			throw new IllegalStateException(ex);
		}
	}

	private static String read(String name) {
		try (InputStream file = PageAssembly.class.getResourceAsStream("page/" + name)) {
			Assert.state(file != null, () -> "The class path has no page/" + name);
			// A browser sees one kind of line ends, before it compares digests.
			return new String(file.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
		}
		catch (IOException ex) {
			throw new UncheckedIOException(ex);
		}
	}

}
