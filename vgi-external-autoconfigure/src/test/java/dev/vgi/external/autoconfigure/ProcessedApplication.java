package dev.vgi.external.autoconfigure;

import java.util.Arrays;
import java.util.List;

import dev.vgi.external.autoconfigure.ProcessedService.Answer;
import dev.vgi.external.autoconfigure.ProcessedService.Mood;
import dev.vgi.external.autoconfigure.ProcessedService.Question;
import dev.vgi.external.autoconfigure.ProcessedService.Tag;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.ProducerStream;

import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.AbstractBeanDefinition;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.client.RestClient;
import org.springframework.web.service.registry.HttpServiceProxyRegistry;
import org.springframework.web.service.registry.ImportHttpServices;

/**
 * What {@link AheadOfTimeTests} processes and starts: Boot finds what was generated only
 * for a class that is in no other. Says what beans it has and, if asked to, calls itself.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import(ProcessedController.class)
@ImportHttpServices(group = "peer", types = ProcessedService.class)
@ImportHttpServices(group = "model", types = ProcessedService.class)
public class ProcessedApplication {

	private static final int LARGE = 50_000;

	public static void main(String[] arguments) {
		ConfigurableApplicationContext context = SpringApplication.run(ProcessedApplication.class, arguments);
		if (context.getEnvironment().getProperty("vgi.rpc.stdio", Boolean.class, false)) {
			return; // ends with its input
		}
		try (context) {
			beans(context.getBeanFactory());
			if (context.getEnvironment().getProperty("processed.calls", Boolean.class, false)) {
				call(context);
			}
		}
		System.out.println("STARTED");
	}

	private static void beans(ConfigurableListableBeanFactory beans) {
		for (String name : beans.getBeanDefinitionNames()) {
			AbstractBeanDefinition bean = (AbstractBeanDefinition) beans.getMergedBeanDefinition(name);
			if (name.startsWith("vgi")) {
				System.out.println("BEAN " + name + " fallback=" + bean.isFallback() + " candidate="
						+ bean.isDefaultCandidate() + " lazy=" + bean.getLazyInit() + " scope=" + bean.getScope()
						+ " after=" + Arrays.toString(bean.getDependsOn()));
			}
		}
	}

	private static void call(ConfigurableApplicationContext context) {
		HttpServiceProxyRegistry clients = context.getBean(HttpServiceProxyRegistry.class);
		for (String group : List.of("peer", "model")) {
			ProcessedService service = clients.getClient(group, ProcessedService.class);
			Question question = new Question("x".repeat(LARGE), List.of(new Tag("tag")));
			Answer answer = service.answer(question, Mood.HURRIED);
			System.out.println("ANSWER " + group + " " + answer.text().length() + " " + answer.mood());
			int batches = 0;
			try (ProducerStream<ProcessedService.Head> stream = service.count(3)) {
				while (stream.hasNext()) {
					try (AnnotatedBatch batch = stream.next()) {
						batches += batch.rowCount();
					}
				}
				System.out.println("STREAM " + group + " " + batches + " of " + stream.header().rows());
			}
		}
		RestClient client = context.getBean(RestClient.Builder.class)
			.baseUrl("http://localhost:" + context.getEnvironment().getProperty("local.server.port"))
			.build();
		for (String path : List.of("/plain", "/actuator/vgiexternal", "/actuator/vgiexternalpage", "/actuator/health",
				"/actuator/info")) {
			String body = String.valueOf(client.get().uri(path).retrieve().body(String.class));
			System.out.println("GET " + path + " " + body.replace('\n', ' '));
		}
	}

}
