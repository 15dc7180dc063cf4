package dev.vgi.external.test;

import java.net.URI;

import dev.vgi.external.location.ExternalLocationConfig;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;

import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.BeanPostProcessor;

/**
 * Lets both sides of the application use the storage of the test, whoever has defined
 * their beans.
 */
final class InMemoryStoragePostProcessor implements BeanPostProcessor {

	private static final String CLIENT_URL_VALIDATOR = "vgiClientUrlValidator";

	private final ObjectProvider<InMemoryStorage> storage;

	InMemoryStoragePostProcessor(ObjectProvider<InMemoryStorage> storage) {
		this.storage = storage;
	}

	@Override
	public Object postProcessAfterInitialization(Object bean, String name) {
		if (bean instanceof ExternalLocationConfig config) {
			return config.withStorage(this.storage.getObject()).withUrlValidator(accepting().or(config.urlValidator()));
		}
		if (bean instanceof UrlValidator validator && CLIENT_URL_VALIDATOR.equals(name)) {
			return accepting().or(validator);
		}
		return bean;
	}

	private UrlValidator accepting() {
		return this::requireOwn;
	}

	private void requireOwn(URI url) {
		// A client is vended upload URLs, too.
		if (!this.storage.getObject().urls().isVended(url)) {
			throw new UrlRejectedException(url, "it is not one of the in-memory storage");
		}
	}

}
