package dev.vgi.external.autoconfigure.security;

import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.autoconfigure.start.StartRefusedException;
import dev.vgi.external.seal.KeyMac;
import dev.vgi.external.seal.TokenKey;
import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.UploadUrlProvider;
import org.jspecify.annotations.Nullable;

import org.springframework.beans.factory.ListableBeanFactory;

/**
 * Creates the binding of pointers, or refuses a start after which they would not be bound
 * as {@code vgi.external.binding} says.
 */
@Internal
public final class BoundStart {

	private final String kind;

	private final ListableBeanFactory beans;

	/**
	 * Create an instance.
	 * @param kind value of {@code vgi.external.binding} other than {@code none}
	 * @param beans contains the beans that have to agree with it
	 */
	public BoundStart(String kind, ListableBeanFactory beans) {
		this.kind = kind;
		this.beans = beans;
	}

	/**
	 * Create the binding.
	 * @param keys from which the marks are derived
	 * @param ofTenants whether tenants are told apart, and not principals
	 * @param storage the storage, or {@code null} if there is none
	 * @param uploadUrls vends upload URLs, or {@code null} if nothing does
	 * @return the binding
	 * @throws StartRefusedException if pointers cannot be bound
	 */
	public PointerBinding bind(List<TokenKey> keys, boolean ofTenants, @Nullable ExternalStorage storage,
			@Nullable UploadUrlProvider uploadUrls) {
		if (keys.isEmpty()) {
			throw new StartRefusedException(
					"vgi.external.binding is " + this.kind + ", but there is no key that marks whose an object is.", """
							Set vgi.rpc.token-keys to 32 random bytes, the same in every process of the service:
							    openssl rand -base64 32
							or do not set vgi.external.binding.""");
		}
		TransferTenant tenants = ofTenants ? tenants() : null;
		if (storage != null && !storage.bindsKeys()) {
			throw unbound(
					"the storage " + bean(ExternalStorage.class, storage)
							+ " does not mark its objects with their owners.",
					"implement BoundStorage, or upload(…, owner), admits and bindsKeys of ExternalStorage");
		}
		if (uploadUrls != null && !uploadUrls.bindsUploads()) {
			throw unbound(
					"the upload URLs of " + bean(UploadUrlProvider.class, uploadUrls)
							+ " are not marked with their owners.",
					"implement generateUploadUrl(schema, owner) and bindsUploads of UploadUrlProvider, or set"
							+ " vgi.external.upload-url.enabled=false");
		}
		if (uploadUrls != null && storage == null) {
			throw unbound(
					"there is no storage that could tell for whom the upload URLs of "
							+ bean(UploadUrlProvider.class, uploadUrls) + " were made.",
					"add a bean of ExternalStorage, or set vgi.external.upload-url.enabled=false");
		}
		return (storage != null) ? new PointerBinding(storage, new KeyMac(this.kind, keys), tenants)
				: PointerBinding.none();
	}

	private TransferTenant tenants() {
		String[] names = this.beans.getBeanNamesForType(TransferTenant.class);
		if (names.length != 1) {
			throw new StartRefusedException(
					"vgi.external.binding is tenant, but there "
							+ ((names.length == 0) ? "is no bean that tells the tenant of a request."
									: "are several beans that tell the tenant of a request: " + String.join(", ", names)
											+ "."),
					"Declare exactly one bean of the type " + TransferTenant.class.getName()
							+ ", or set vgi.external.binding to principal or none.");
		}
		return this.beans.getBean(names[0], TransferTenant.class);
	}

	private StartRefusedException unbound(String why, String remedy) {
		return new StartRefusedException("vgi.external.binding is " + this.kind + ", but " + why,
				"To bind pointers, " + remedy + ". Otherwise set vgi.external.binding to none.");
	}

	private <T> String bean(Class<T> type, T instance) {
		for (String name : this.beans.getBeanNamesForType(type, true, false)) {
			if (this.beans.getBean(name) == instance) {
				return "'" + name + "' (" + instance.getClass().getName() + ")";
			}
		}
		return instance.getClass().getName();
	}

}
