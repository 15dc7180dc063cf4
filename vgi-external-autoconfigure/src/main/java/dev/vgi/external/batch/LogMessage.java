package dev.vgi.external.batch;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

import org.springframework.util.Assert;
import org.springframework.util.StringUtils;

/**
 * One log message of a peer, sent as a zero-row batch before the data of its turn.
 *
 * @param level one of {@code ERROR WARN INFO DEBUG TRACE}, or {@link #EXCEPTION} for an
 * error batch
 * @param message the text
 * @param extra further fields, sent as a JSON object in their order; may be empty
 */
public record LogMessage(String level, String message, Map<String, Object> extra) {

	/** The level that makes a batch an error batch. */
	public static final String EXCEPTION = "EXCEPTION";

	private static final JsonMapper JSON = JsonMapper.shared();

	private static final TypeReference<Map<String, @Nullable Object>> OBJECT = new TypeReference<>() {
	};

	public LogMessage {
		Assert.hasText(level, "'level' must not be empty");
		Assert.notNull(message, "'message' must not be null");
		Assert.notNull(extra, "'extra' must not be null");
		// keeps the order, so that equal messages become equal bytes
		extra = Collections.unmodifiableMap(new LinkedHashMap<>(extra));
	}

	/**
	 * Return the metadata of the batch that carries this message.
	 * @return level, message and, if there are any and they can be written as JSON, the
	 * further fields
	 */
	public BatchMetadata toMetadata() {
		Map<String, String> entries = new LinkedHashMap<>();
		entries.put(MetadataKeys.LOG_LEVEL, this.level);
		entries.put(MetadataKeys.LOG_MESSAGE, this.message);
		if (!this.extra.isEmpty()) {
			try {
				entries.put(MetadataKeys.LOG_EXTRA, JSON.writeValueAsString(this.extra));
			}
			catch (JacksonException ex) {
				// the message goes without them: it must not be the end of its call
			}
		}
		return BatchMetadata.of(entries);
	}

	/**
	 * Read a message from a batch's metadata.
	 * @param metadata metadata of a log or error batch
	 * @return the message, without further fields if these are not a JSON object; or
	 * {@code null} if the metadata has no level or no message
	 */
	public static @Nullable LogMessage from(BatchMetadata metadata) {
		String level = metadata.get(MetadataKeys.LOG_LEVEL);
		String message = metadata.get(MetadataKeys.LOG_MESSAGE);
		if (!StringUtils.hasText(level) || message == null) {
			return null;
		}
		return new LogMessage(level, message, extra(metadata.get(MetadataKeys.LOG_EXTRA)));
	}

	private static Map<String, Object> extra(@Nullable String json) {
		if (!StringUtils.hasText(json)) {
			return Map.of();
		}
		try {
			Map<String, @Nullable Object> read = JSON.readValue(json, OBJECT);
			Map<String, Object> extra = new LinkedHashMap<>();
			if (read != null) {
				read.forEach((key, value) -> {
					if (value != null) {
						extra.put(key, value);
					}
				});
			}
			return extra;
		}
		catch (JacksonException ex) {
			// the protocol requires that malformed extras are dropped, and not the
			// message
			return Map.of();
		}
	}

}
