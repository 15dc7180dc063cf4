package dev.vgi.external.storage;

import java.time.Duration;

import org.springframework.util.Assert;

/**
 * A storage whose bucket removes old objects by rules of its own, and that can look
 * whether there are such rules. Nothing here changes a rule.
 */
@FunctionalInterface
public interface LifecycleVerifier {

	/**
	 * Look whether the bucket's rules expire the objects of this storage and abort
	 * uploads that were never finished. Time-limited.
	 * @param expireAfter the age that a suggested rule has, rounded up to days
	 * @return the finding; {@link Verdict#UNKNOWN} if it cannot be told, also when the
	 * bucket cannot be reached
	 */
	Finding verifyLifecycle(Duration expireAfter);

	/**
	 * What was found.
	 *
	 * @param verdict whether there is something to do
	 * @param detail a sentence for the log and for health, without secrets; says exactly
	 * which rule to add if one is missing
	 */
	record Finding(Verdict verdict, String detail) {

		public Finding {
			Assert.notNull(verdict, "'verdict' must not be null");
			Assert.hasText(detail, "'detail' must not be empty");
		}

	}

	/**
	 * Whether the bucket's rules do their part.
	 */
	enum Verdict {

		/** Old objects and unfinished uploads are removed. */
		COVERED,

		/** A rule is missing: objects or parts stay for ever. */
		MISSING,

		/** The rules cannot be read. */
		UNKNOWN

	}

}
