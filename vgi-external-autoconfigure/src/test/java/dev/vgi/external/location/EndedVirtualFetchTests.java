package dev.vgi.external.location;

import java.util.concurrent.ThreadFactory;

import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

import org.springframework.core.task.VirtualThreadTaskExecutor;

/**
 * The same with virtual threads.
 */
@EnabledForJreRange(min = JRE.JAVA_21)
class EndedVirtualFetchTests extends EndedFetchTests {

	@Override
	ThreadFactory callers() {
		return new VirtualThreadTaskExecutor().getVirtualThreadFactory();
	}

}
