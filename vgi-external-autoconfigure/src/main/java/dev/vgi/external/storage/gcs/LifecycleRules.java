package dev.vgi.external.storage.gcs;

import java.time.Duration;
import java.util.List;

import com.google.cloud.storage.BucketInfo.LifecycleRule;
import com.google.cloud.storage.BucketInfo.LifecycleRule.DeleteLifecycleAction;
import com.google.cloud.storage.BucketInfo.LifecycleRule.LifecycleCondition;
import dev.vgi.external.storage.LifecycleVerifier.Finding;
import dev.vgi.external.storage.LifecycleVerifier.Verdict;
import org.jspecify.annotations.Nullable;

/**
 * Evaluates the lifecycle rules of a bucket. Unfinished uploads need no rule here: a
 * resumable session ends on its own after a week and has no object until then.
 */
final class LifecycleRules {

	private static final List<String> SUFFIXES = List.of(".arrow", ".arrow.zst");

	private LifecycleRules() {
	}

	static Finding judge(List<? extends LifecycleRule> rules, String prefix, Duration expireAfter) {
		for (LifecycleRule rule : rules) {
			if (DeleteLifecycleAction.TYPE.equals(rule.getAction().getActionType())
					&& covers(rule.getCondition(), prefix)) {
				return new Finding(Verdict.COVERED, "The bucket's rules remove old objects");
			}
		}
		return new Finding(Verdict.MISSING, "No lifecycle rule of the bucket deletes objects below '" + prefix
				+ "': add the rule " + rule(prefix, expireAfter) + " (gcloud storage buckets update --lifecycle-file)");
	}

	/**
	 * All conditions of a rule have to hold. Any condition that some of our objects may
	 * never meet therefore leaves objects behind.
	 * @param condition when the rule applies
	 * @param prefix the prefix of our names
	 * @return whether it eventually deletes every object below the prefix
	 */
	private static boolean covers(LifecycleCondition condition, String prefix) {
		return condition.getAge() != null && condition.getCreatedBeforeOffsetDateTime() == null
				&& condition.getNumberOfNewerVersions() == null && !Boolean.FALSE.equals(condition.getIsLive())
				&& isEmpty(condition.getMatchesStorageClass()) && condition.getDaysSinceNoncurrentTime() == null
				&& condition.getNoncurrentTimeBeforeOffsetDateTime() == null
				&& condition.getCustomTimeBeforeOffsetDateTime() == null && condition.getDaysSinceCustomTime() == null
				&& (isEmpty(condition.getMatchesPrefix())
						|| condition.getMatchesPrefix().stream().anyMatch(prefix::startsWith))
				&& (isEmpty(condition.getMatchesSuffix()) || SUFFIXES.stream()
					.allMatch((suffix) -> condition.getMatchesSuffix().stream().anyMatch(suffix::endsWith)));
	}

	private static boolean isEmpty(@Nullable List<?> list) {
		return list == null || list.isEmpty();
	}

	private static String rule(String prefix, Duration expireAfter) {
		long days = Math.max(1, (expireAfter.toSeconds() + 86_399) / 86_400);
		String quoted = prefix.replace("\\", "\\\\").replace("\"", "\\\"");
		return "{\"action\": {\"type\": \"Delete\"}, \"condition\": {\"age\": " + days
				+ (prefix.isEmpty() ? "" : ", \"matchesPrefix\": [\"" + quoted + "\"]") + "}}";
	}

}
