package dev.vgi.external.storage;

import java.time.Duration;

import org.springframework.util.Assert;

/**
 * A storage whose bucket removes old objects by lifecycle rules, and which can check
 * whether there are such rules. Never changes a rule.
 */
@FunctionalInterface
public interface LifecycleVerifier {

	/**
	 * Check whether the bucket's rules expire the objects of this storage and abort
	 * unfinished uploads. Time-limited.
	 * @param expireAfter the age to use in a suggested rule, rounded up to days
	 * @return the finding; {@link Verdict#UNKNOWN} if the rules cannot be read, for
	 * example because the bucket cannot be reached or because this is not allowed
	 */
	Finding verifyLifecycle(Duration expireAfter);

	/**
	 * The result of the check.
	 *
	 * @param verdict whether there is something to do
	 * @param detail a sentence for the log and for health, without secrets; if a rule is
	 * missing, it says exactly which one to add
	 */
	record Finding(Verdict verdict, String detail) {

		public Finding {
			Assert.notNull(verdict, "'verdict' must not be null");
			Assert.hasText(detail, "'detail' must not be empty");
		}

	}

	/**
	 * Whether the bucket's rules are sufficient.
	 */
	enum Verdict {

		/** Old objects and unfinished uploads are removed. */
		COVERED,

		/** A rule is missing: objects or parts are never removed. */
		MISSING,

		/**
		 * The bucket cannot be used as it is configured: it does not exist, is in another
		 * region, or the credentials are wrong.
		 */
		MISCONFIGURED,

		/** The rules cannot be read. */
		UNKNOWN

	}

}
