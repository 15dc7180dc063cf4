package dev.vgi.external.location;

import java.net.URI;
import java.util.List;

import dev.vgi.external.storage.ExternalStorage;
import dev.vgi.external.storage.ObjectOwner;
import dev.vgi.external.url.UrlRejectedException;
import dev.vgi.external.url.UrlValidator;
import org.jspecify.annotations.Nullable;

/**
 * What the sender of one request has to do with pointers: whose the objects are that are
 * stored for it, which pointers it may send, and whether it may renew those that it gets.
 * Thread-safe.
 */
public final class CallerPointers {

	private static final CallerPointers UNBOUND = new CallerPointers(null, ObjectOwner.nobody(), List.of(), null);

	/** The storage whose objects have owners, or {@code null}. */
	private final @Nullable ExternalStorage storage;

	private final ObjectOwner owner;

	private final List<String> group;

	private final @Nullable PointerRenewal renewal;

	private CallerPointers(@Nullable ExternalStorage storage, ObjectOwner owner, List<String> group,
			@Nullable PointerRenewal renewal) {
		this.storage = storage;
		this.owner = owner;
		this.group = List.copyOf(group);
		this.renewal = renewal;
	}

	/**
	 * Return what holds for callers whose objects have no owners.
	 * @return pointers that may be sent by everyone, and are not renewable
	 */
	public static CallerPointers unbound() {
		return UNBOUND;
	}

	/**
	 * Bind the pointers of a caller.
	 * @param storage the storage, which binds keys
	 * @param owner the caller, or the tenant that it belongs to
	 * @return pointers that only the same owner may send back, and are not renewable
	 */
	public static CallerPointers of(ExternalStorage storage, ObjectOwner owner) {
		return new CallerPointers(storage, owner, List.of(), null);
	}

	/**
	 * Return a copy with which the caller may renew the links that it gets.
	 * @param renewal makes pointers renewable, or {@code null} for those that are not
	 * @return the copy
	 */
	public CallerPointers renewing(@Nullable PointerRenewal renewal) {
		return new CallerPointers(this.storage, this.owner, this.group, renewal);
	}

	/**
	 * Return a copy for a caller who acts for others.
	 * @param group what its tokens are bound to besides its name, such as its tenant
	 * @return the copy
	 */
	public CallerPointers inGroup(List<String> group) {
		return new CallerPointers(this.storage, this.owner, group, this.renewal);
	}

	/**
	 * Return what the tokens of the caller are bound to besides its name.
	 * @return empty unless callers act for others
	 */
	public List<String> group() {
		return this.group;
	}

	/**
	 * Return whose the objects are that are stored for the caller.
	 * @return the owner; nobody if objects have none
	 */
	public ObjectOwner owner() {
		return this.owner;
	}

	@Nullable PointerRenewal renewal() {
		return this.renewal;
	}

	/**
	 * Return a resolver for the pointers that the caller sends: it refuses, before
	 * anything is fetched and at every redirect, what leads to an object of the storage
	 * that is not the caller's.
	 * @param resolver has the URL policy
	 * @return a resolver that shares everything else
	 */
	public LocationResolver inbound(LocationResolver resolver) {
		return (this.storage != null)
				? resolver.withValidator(new OwnUrls(resolver.config().urlValidator(), this.storage, this.owner))
				: resolver;
	}

	/**
	 * Refuses URLs of other owners' objects.
	 *
	 * @param policy what may be fetched for anyone
	 * @param storage whose objects have owners
	 * @param owner the owner
	 */
	private record OwnUrls(UrlValidator policy, ExternalStorage storage, ObjectOwner owner) implements UrlValidator {

		@Override
		public void validate(URI url) {
			this.policy.validate(url);
			if (!this.storage.admits(url, this.owner)) {
				// The same words whether or not there is such an object.
				throw new UrlRejectedException(url, "it was not made for the sender of this request");
			}
		}

		@Override
		public boolean admitsPrivateAddresses(URI url) {
			return this.policy.admitsPrivateAddresses(url);
		}

	}

}
