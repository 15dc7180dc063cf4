package dev.vgi.external.autoconfigure.start;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

import dev.vgi.external.rpc.method.RpcMethods;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.BeanFactory;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/**
 * Tells how two services may have methods of one name. Spring MVC itself finds that they
 * share a path, and says so in its message only.
 */
class RpcRouteFailureAnalyzer extends AbstractFailureAnalyzer<IllegalStateException> {

	private static final Pattern AMBIGUOUS = Pattern
		.compile("Ambiguous mapping\\. Cannot map '([^']+)'.*There is already '([^']+)' bean method.*", Pattern.DOTALL);

	private final BeanFactory beans;

	RpcRouteFailureAnalyzer(BeanFactory beans) {
		this.beans = beans;
	}

	@Override
	protected @Nullable FailureAnalysis analyze(Throwable rootFailure, IllegalStateException cause) {
		String message = String.valueOf(cause.getMessage());
		Matcher ambiguous = AMBIGUOUS.matcher(message);
		if (!ambiguous.matches() || !isService(ambiguous.group(1)) || !isService(ambiguous.group(2))) {
			return null;
		}
		return new FailureAnalysis(message.replaceAll("\\s*\\n\\s*", " "), """
				Two services whose methods have the same name cannot share a flat path. Give one controller a path \
				of its own, such as @RequestMapping("/second"): its route below the name of its service stays the \
				same.""", cause);
	}

	private boolean isService(String bean) {
		Class<?> type = this.beans.containsBean(bean) ? this.beans.getType(bean, false) : null;
		return type != null && RpcMethods.isRpcController(type);
	}

}
