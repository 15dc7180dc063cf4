package dev.vgi.external.storage.s3;

import java.time.Duration;
import java.util.List;

import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import software.amazon.awssdk.services.s3.model.ExpirationStatus;
import software.amazon.awssdk.services.s3.model.LifecycleRule;
import software.amazon.awssdk.services.s3.model.LifecycleRuleAndOperator;
import software.amazon.awssdk.services.s3.model.LifecycleRuleFilter;

/**
 * Evaluates the lifecycle rules of a bucket.
 */
final class LifecycleRules {

	private LifecycleRules() {
	}

	static Finding judge(List<LifecycleRule> rules, String prefix, Duration expireAfter) {
		boolean expires = false;
		boolean aborts = false;
		for (LifecycleRule rule : rules) {
			if (rule.status() == ExpirationStatus.ENABLED && covers(rule, prefix)) {
				expires |= rule.expiration() != null
						&& (rule.expiration().days() != null || rule.expiration().date() != null);
				aborts |= rule.abortIncompleteMultipartUpload() != null
						&& rule.abortIncompleteMultipartUpload().daysAfterInitiation() != null;
			}
		}
		if (expires && aborts) {
			return new Finding(Verdict.COVERED, "The bucket's rules remove old objects and unfinished uploads");
		}
		String what = expires ? "aborts unfinished multipart uploads"
				: (aborts ? "expires objects" : "expires objects or aborts unfinished multipart uploads");
		return new Finding(Verdict.MISSING, "No lifecycle rule of the bucket " + what + " below '" + prefix
				+ "': add the rule " + rule(prefix, expireAfter, !expires, !aborts));
	}

	/**
	 * Vended uploads have no tags and any size, so a rule that filters by either misses
	 * some objects.
	 * @param rule the rule
	 * @param prefix the prefix of our keys
	 * @return whether the rule applies to every object below the prefix
	 */
	@SuppressWarnings("deprecation")
	private static boolean covers(LifecycleRule rule, String prefix) {
		LifecycleRuleFilter filter = rule.filter();
		if (filter == null) {
			return rule.prefix() == null || prefix.startsWith(rule.prefix());
		}
		LifecycleRuleAndOperator and = filter.and();
		if (filter.tag() != null || filter.objectSizeGreaterThan() != null || filter
			.objectSizeLessThan() != null || (and != null
					&& (and.hasTags() || and.objectSizeGreaterThan() != null || and.objectSizeLessThan() != null))) {
			return false;
		}
		String covered = (and != null) ? and.prefix() : filter.prefix();
		return covered == null || prefix.startsWith(covered);
	}

	private static String rule(String prefix, Duration expireAfter, boolean expiration, boolean abort) {
		long days = Math.max(1, (expireAfter.toSeconds() + 86_399) / 86_400);
		String filter = prefix.replace("\\", "\\\\").replace("\"", "\\\"");
		return "{\"ID\": \"vgi-external\", \"Status\": \"Enabled\", \"Filter\": {\"Prefix\": \"" + filter + "\"}"
				+ (expiration ? ", \"Expiration\": {\"Days\": " + days + "}" : "")
				+ (abort ? ", \"AbortIncompleteMultipartUpload\": {\"DaysAfterInitiation\": " + days + "}" : "") + "}";
	}

}
