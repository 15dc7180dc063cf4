package dev.vgi.external.autoconfigure;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;

import dev.vgi.external.autoconfigure.selection.StorageType;
import dev.vgi.external.autoconfigure.start.Ranges;
import dev.vgi.external.batch.ReadLimits;
import dev.vgi.external.fetch.FetchConfig;
import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.url.AllowedUrlValidator;
import dev.vgi.external.web.client.Dialect;
import org.jspecify.annotations.Nullable;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.Assert;
import org.springframework.util.StringUtils;
import org.springframework.util.unit.DataSize;

/**
 * Settings of external storage.
 *
 * @param enabled Whether batches of this service and of its callers go through storage.
 * Its own calls resolve pointers in any case.
 * @param storage Storage backend to use.
 * @param externalizeThreshold Size of a data batch's Arrow buffers at which it goes to
 * storage.
 * @param segmentSize Size of the Arrow buffers of one segment of a result set. 32MB or an
 * eighth of 'memory.budget' by default, whichever is less; at least
 * 'externalize-threshold'.
 * @param plainClients How to answer callers of ordinary handlers that did not announce
 * that they resolve pointers.
 * @param onStorageFailure What happens to a batch that cannot be stored.
 * @param maxRetries Further attempts of a fetch, or of one of its ranges, at most 2. A
 * storage that asks to retry later is retried within 'fetch.timeout'.
 * @param retryDelay Pause between the attempts of a fetch or an upload.
 * @param compression Compression of stored objects.
 * @param fetch How objects are fetched.
 * @param upload How objects are uploaded.
 * @param http HTTP connections to storage, of both sides.
 * @param memory Memory of all transfers of the process.
 * @param limits What a body or a stored object may make of the heap.
 * @param url URLs that callers of this service may send.
 * @param binding To whom pointers are bound: only the principal or tenant that an object
 * was stored for may send a pointer to it. Needs 'vgi.rpc.token-keys'.
 * @param client Settings of this application's own calls.
 * @param uploadUrl Upload URLs for large inputs.
 * @param renewal Renewal of the links that callers were given.
 * @param s3 Amazon S3 and compatible stores.
 * @param gcs Google Cloud Storage.
 * @param local Folder of this machine.
 * @param lifecycle Removal of old objects by the bucket's own rules.
 * @param health Health contribution.
 * @param history Transfers that the endpoint 'vgiexternal' shows after they have ended.
 * @param slowTransferThreshold Time from which on a transfer is logged as slow. Use 0 to
 * turn this off.
 * @param observation What is observed of transfers.
 */
@ConfigurationProperties("vgi.external")
public record VgiExternalProperties(@DefaultValue("true") boolean enabled, @DefaultValue("auto") StorageType storage,
		@DefaultValue("1MB") DataSize externalizeThreshold, @Nullable DataSize segmentSize,
		@DefaultValue("redirect") PlainClients plainClients, @DefaultValue("fail") OnStorageFailure onStorageFailure,
		@DefaultValue("2") int maxRetries, @DefaultValue("500ms") Duration retryDelay,
		@DefaultValue Compression compression, @DefaultValue Fetch fetch, @DefaultValue Upload upload,
		@DefaultValue Http http, @DefaultValue Memory memory, @DefaultValue Limits limits, @DefaultValue Url url,
		@DefaultValue("none") Binding binding, @DefaultValue Client client, @DefaultValue UploadUrl uploadUrl,
		@DefaultValue Renewal renewal, @DefaultValue S3 s3, @DefaultValue Gcs gcs, @DefaultValue Local local,
		@DefaultValue Lifecycle lifecycle, @DefaultValue Health health, @DefaultValue History history,
		@DefaultValue("10s") Duration slowTransferThreshold, @DefaultValue Observation observation) {

	private static final long DEFAULT_SEGMENT = 32L << 20;

	private static final String SHORTEST_EXPIRY = "1s";

	/** Signatures of S3 and GCS are not valid for longer. */
	private static final String LONGEST_EXPIRY = "7d";

	public VgiExternalProperties {
		Ranges.check("vgi.external.externalize-threshold", externalizeThreshold, "0B");
		Ranges.check("vgi.external.segment-size", segmentSize, "1B", "2047MB");
		Ranges.check("vgi.external.max-retries", maxRetries, "0", "2");
		Ranges.check("vgi.external.retry-delay", retryDelay, "0s", Ranges.LONGEST);
		Ranges.check("vgi.external.slow-transfer-threshold", slowTransferThreshold, "0s", Ranges.LONGEST);
		url.check("vgi.external.url");
		client.url().check("vgi.external.client.url");
	}

	// A host with an underscore is none to java.net.URI.
	static boolean isOrigin(URI url) {
		return url.getScheme() != null && url.getHost() != null && url.getRawUserInfo() == null
				&& url.getRawQuery() == null && url.getRawFragment() == null;
	}

	/**
	 * Return the largest upload: what is larger would not be fetched either.
	 * @return bytes
	 */
	long maxUploadSize() {
		DataSize configured = this.uploadUrl.maxUploadSize();
		return ((configured != null) ? configured : this.fetch.maxFetchSize()).toBytes();
	}

	/**
	 * Return the size of a segment.
	 * @param budget memory of all transfers, in bytes
	 * @return bytes
	 */
	long segmentSize(long budget) {
		return (this.segmentSize != null) ? this.segmentSize.toBytes()
				: Math.max(1, Math.min(DEFAULT_SEGMENT, budget / 8));
	}

	/**
	 * How callers are served who do not resolve pointers.
	 */
	public enum PlainClients {

		/** With 303 See Other to the stored object. */
		REDIRECT,

		/** With the whole result. */
		INLINE

	}

	/**
	 * To whom pointers are bound.
	 */
	public enum Binding {

		/** To nobody: whoever has a download URL may send a pointer to it. */
		NONE,

		/** To the principal of the request. */
		PRINCIPAL,

		/** To the tenant that the application's TransferTenant names. */
		TENANT

	}

	/**
	 * What happens to a batch that cannot be stored.
	 */
	public enum OnStorageFailure {

		/** The call fails. */
		FAIL,

		/** The batch travels inline. */
		INLINE

	}

	/**
	 * Compression of stored objects.
	 *
	 * @param algorithm Compression algorithm.
	 * @param level Compression level, from 1 to 22.
	 * @param workers Additional threads of the compressor.
	 */
	public record Compression(@DefaultValue("none") Algorithm algorithm, @DefaultValue("3") int level,
			@DefaultValue("0") int workers) {

		public Compression {
			Ranges.check("vgi.external.compression.level", level, "1", "22");
			Ranges.check("vgi.external.compression.workers", workers, "0", "64");
		}

		/**
		 * Compression algorithm.
		 */
		public enum Algorithm {

			/** Not at all. */
			NONE,

			/** Zstandard. */
			ZSTD

		}

	}

	/**
	 * How objects are fetched.
	 *
	 * @param probe How the size of an object is determined.
	 * @param parallelThreshold Size of an object at which its ranges are fetched in
	 * parallel.
	 * @param chunkSize Largest range; ranges are equalised to whole waves.
	 * @param maxParallelRequests Requests of one fetch at once, hedges included.
	 * @param timeout Overall deadline of a fetch, including its body and all waiting.
	 * @param maxFetchSize Largest object, as it is stored.
	 * @param maxDecompressedSize Largest object, decoded. 16 times 'max-fetch-size' by
	 * default.
	 * @param maxRedirects Redirects that are followed, each validated.
	 * @param speculativeRetryMultiplier Multiple of the median chunk time after which a
	 * chunk is requested a second time. Use 0 to turn this off.
	 * @param maxSpeculativeHedges Speculative requests of one fetch. Use 0 for no limit.
	 * @param prefetchSize How much a reader of several batches may fetch ahead, decoded.
	 * By default 64MB or a quarter of the memory budget, whichever is less.
	 */
	public record Fetch(@DefaultValue("range") FetchConfig.Probe probe,
			@DefaultValue("64MB") DataSize parallelThreshold, @DefaultValue("8MB") DataSize chunkSize,
			@DefaultValue("8") int maxParallelRequests, @DefaultValue("60s") Duration timeout,
			@DefaultValue("256MB") DataSize maxFetchSize, @Nullable DataSize maxDecompressedSize,
			@DefaultValue("5") int maxRedirects, @DefaultValue("2.0") double speculativeRetryMultiplier,
			@DefaultValue("4") int maxSpeculativeHedges, @Nullable DataSize prefetchSize) {

		public Fetch {
			Ranges.check("vgi.external.fetch.parallel-threshold", parallelThreshold, "1B");
			Ranges.check("vgi.external.fetch.chunk-size", chunkSize, "1B", "2047MB");
			Ranges.check("vgi.external.fetch.max-parallel-requests", maxParallelRequests, "1", "1024");
			Ranges.check("vgi.external.fetch.timeout", timeout, "1ms", Ranges.LONGEST);
			Ranges.check("vgi.external.fetch.max-fetch-size", maxFetchSize, "1B");
			Ranges.check("vgi.external.fetch.max-decompressed-size", maxDecompressedSize, "1B");
			Ranges.check("vgi.external.fetch.max-redirects", maxRedirects, "0");
			Assert.isTrue(speculativeRetryMultiplier == 0 || speculativeRetryMultiplier >= 1,
					"vgi.external.fetch.speculative-retry-multiplier must be 0 or at least 1");
			Ranges.check("vgi.external.fetch.max-speculative-hedges", maxSpeculativeHedges, "0");
			Ranges.check("vgi.external.fetch.prefetch-size", prefetchSize, "1B");
		}

		FetchConfig toConfig() {
			long decompressed = (this.maxDecompressedSize != null) ? this.maxDecompressedSize.toBytes()
					: 16 * Math.min(this.maxFetchSize.toBytes(), Long.MAX_VALUE / 16);
			return new FetchConfig(this.probe, this.parallelThreshold.toBytes(), this.chunkSize.toBytes(),
					this.maxParallelRequests, this.timeout, this.maxFetchSize.toBytes(), decompressed,
					this.maxRedirects, this.speculativeRetryMultiplier, this.maxSpeculativeHedges,
					(this.prefetchSize != null) ? this.prefetchSize.toBytes() : 0);
		}

	}

	/**
	 * How objects are uploaded.
	 *
	 * @param partSize Size of the parts of a multipart upload; smaller objects are one
	 * request. A result of unknown length has at most 10,000 of them in S3.
	 * @param maxParallelParts Parts of one upload at once.
	 * @param maxRetries Further attempts of an upload, or of one of its parts. A storage
	 * that asks to retry later is retried within 'upload.timeout'.
	 * @param maxParallelSegments Segments of one result set that are uploaded at once.
	 * @param timeout Overall deadline of an upload; deadline of each part if the length
	 * of a result is unknown.
	 */
	public record Upload(@DefaultValue("8MB") DataSize partSize, @DefaultValue("4") int maxParallelParts,
			@DefaultValue("2") int maxRetries, @DefaultValue("2") int maxParallelSegments,
			@DefaultValue("5m") Duration timeout) {

		public Upload {
			// The parts that stores accept.
			Ranges.check("vgi.external.upload.part-size", partSize, "5MB", "5GB");
			Ranges.check("vgi.external.upload.max-parallel-parts", maxParallelParts, "1");
			Ranges.check("vgi.external.upload.max-retries", maxRetries, "0");
			Ranges.check("vgi.external.upload.max-parallel-segments", maxParallelSegments, "1", "64");
			Ranges.check("vgi.external.upload.timeout", timeout, "1ms", Ranges.LONGEST);
		}

	}

	/**
	 * HTTP connections to storage, of both sides.
	 *
	 * @param proxy HTTP proxy.
	 * @param ssl Transport security.
	 * @param connectTimeout Longest wait for a connection to open, for all addresses of
	 * the host, the proxy's tunnel and the TLS handshake together.
	 * @param readTimeout Longest silence while waiting for bytes.
	 * @param maxConnections Most connections open at once.
	 */
	public record Http(@DefaultValue Proxy proxy, @DefaultValue Ssl ssl, @DefaultValue("10s") Duration connectTimeout,
			@DefaultValue("30s") Duration readTimeout, @DefaultValue("64") int maxConnections) {

		public Http {
			Ranges.check("vgi.external.http.connect-timeout", connectTimeout, "1ms", Ranges.LONGEST);
			Ranges.check("vgi.external.http.read-timeout", readTimeout, "1ms", Ranges.LONGEST);
			Ranges.check("vgi.external.http.max-connections", maxConnections, "1");
		}

		/**
		 * HTTP proxy. With a proxy, allowed hosts are mandatory: addresses are resolved
		 * by it and cannot be checked.
		 *
		 * @param host Host of the proxy, a name or an address.
		 * @param port Port of the proxy.
		 * @param username User name for the proxy.
		 * @param password Password for the proxy.
		 */
		public record Proxy(@Nullable String host, @DefaultValue("8080") int port, @Nullable String username,
				@Nullable String password) {

			private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]+");

			public Proxy {
				Assert.isTrue(!StringUtils.hasText(host) || isHost(host),
						"vgi.external.http.proxy.host must be a host name or an address, without scheme, port or path");
				Ranges.check("vgi.external.http.proxy.port", port, "1", "65535");
			}

			private static boolean isHost(String text) {
				if (text.indexOf(':') < 0) {
					return NAME.matcher(text).matches();
				}
				try {
					// In brackets it is an address or an error, and never looked up.
					return InetAddress.getByName(text.startsWith("[") ? text : "[" + text + "]") != null;
				}
				catch (UnknownHostException ex) {
					return false;
				}
			}

			@Override
			public String toString() {
				return "Proxy[host=" + this.host + ", port=" + this.port + "]";
			}

		}

		/**
		 * Transport security.
		 *
		 * @param bundle Name of the SSL bundle with trust and keys.
		 */
		public record Ssl(@Nullable String bundle) {

		}

	}

	/**
	 * Memory of all transfers of the process.
	 *
	 * @param budget Memory that all transfers and requests together may hold. By default
	 * half of what the memory limit of the process leaves beside the heap, at least 64MB.
	 * @param maxWait Longest wait for memory. The deadline of the fetch by default.
	 * @param maxWaiters Transfers that may wait for memory at once.
	 * @param maxPerRequest Memory of the budget that one request may hold. Half of it by
	 * default.
	 */
	public record Memory(@Nullable DataSize budget, @Nullable Duration maxWait, @DefaultValue("64") int maxWaiters,
			@Nullable DataSize maxPerRequest) {

		public Memory {
			Ranges.check("vgi.external.memory.budget", budget, "64KB");
			Ranges.check("vgi.external.memory.max-wait", maxWait, "0s", Ranges.LONGEST);
			Ranges.check("vgi.external.memory.max-waiters", maxWaiters, "0");
			Ranges.check("vgi.external.memory.max-per-request", maxPerRequest, "64KB");
		}

	}

	/**
	 * What a body or a stored object may make of the heap.
	 *
	 * @param logBatches Most log batches of a body or a stored object.
	 * @param metadataSize Most metadata of a batch, keys and values, or of a schema with
	 * all its fields. An entry counts for 16 bytes at least.
	 * @param fields Most fields of a schema, nested ones included.
	 */
	public record Limits(@DefaultValue("10000") int logBatches, @DefaultValue("1MB") DataSize metadataSize,
			@DefaultValue("20000") int fields) {

		public Limits {
			Ranges.check("vgi.external.limits.log-batches", logBatches, "0");
			Ranges.check("vgi.external.limits.metadata-size", metadataSize, "1B", "256MB");
			Ranges.check("vgi.external.limits.fields", fields, "1");
		}

		ReadLimits toReadLimits() {
			return new ReadLimits(this.logBatches, this.metadataSize.toBytes(), this.fields);
		}

	}

	/**
	 * Which URLs may be fetched.
	 *
	 * @param allowedHosts Additional hosts that may be fetched from, such as
	 * 'storage.example' or '*.storage.example'.
	 * @param allowedSchemes Schemes that may be fetched.
	 * @param allowPrivateAddresses Whether private, loopback and link-local addresses may
	 * be fetched from.
	 */
	public record Url(@DefaultValue List<String> allowedHosts, @DefaultValue("https") List<String> allowedSchemes,
			@DefaultValue("false") boolean allowPrivateAddresses) {

		private void check(String key) {
			for (String scheme : this.allowedSchemes) {
				Assert.isTrue(scheme.equalsIgnoreCase("https") || scheme.equalsIgnoreCase("http"),
						() -> key + ".allowed-schemes must be https or http");
			}
			toPolicy(false, (url) -> false, key);
		}

		/**
		 * Make a policy of these settings.
		 * @param publicHosts whether hosts that are not listed may be requested
		 * @param own whether a URL is one of the application's own storage
		 * @param key the prefix of these settings
		 * @return the policy
		 */
		AllowedUrlValidator toPolicy(boolean publicHosts, Predicate<URI> own, String key) {
			return AllowedUrlValidator.builder()
				.schemes(this.allowedSchemes.toArray(String[]::new))
				.hosts(this.allowedHosts.toArray(String[]::new))
				.publicHosts(publicHosts)
				.allowPrivateAddresses(this.allowPrivateAddresses)
				.own(own)
				.key(key)
				.build();
		}

	}

	/**
	 * Settings of this application's own calls.
	 *
	 * @param url URLs that called services may send.
	 * @param dialect How called services name their methods in URLs.
	 * @param prefetch Whether streams fetch the next batch while the application works on
	 * one.
	 * @param responseCompression Whether inline answers may be compressed. Off is faster
	 * on a fast network.
	 * @param uploadThreshold Size at which an input goes through an upload URL, if the
	 * service vends upload URLs.
	 */
	public record Client(@DefaultValue Url url, @DefaultValue("auto") Dialect dialect,
			@DefaultValue("true") boolean prefetch, @DefaultValue("true") boolean responseCompression,
			@DefaultValue("8MB") DataSize uploadThreshold) {

		public Client {
			Ranges.check("vgi.external.client.upload-threshold", uploadThreshold, "0B");
		}

	}

	/**
	 * Upload URLs for large inputs.
	 *
	 * @param enabled Whether upload URLs are vended. By default if the storage supports
	 * it.
	 * @param maxUploadSize Largest upload, as it is announced to callers; the local store
	 * refuses a larger one. 'fetch.max-fetch-size' by default.
	 * @param expiry Lifetime of an upload URL.
	 */
	public record UploadUrl(@Nullable Boolean enabled, @Nullable DataSize maxUploadSize,
			@DefaultValue("15m") Duration expiry) {

		public UploadUrl {
			Ranges.check("vgi.external.upload-url.max-upload-size", maxUploadSize, "1B");
			Ranges.check("vgi.external.upload-url.expiry", expiry, SHORTEST_EXPIRY, LONGEST_EXPIRY);
		}

	}

	/**
	 * Renewal of the links that callers were given.
	 *
	 * @param enabled Whether callers may renew the links of pointers. By default if
	 * 'vgi.rpc.token-keys' is set and the storage supports it.
	 * @param maxAge How long after it was written a pointer may be renewed.
	 */
	public record Renewal(@Nullable Boolean enabled, @DefaultValue("24h") Duration maxAge) {

		public Renewal {
			Ranges.check("vgi.external.renewal.max-age", maxAge, "1s", "365d");
		}

	}

	/**
	 * Amazon S3 and compatible stores.
	 *
	 * @param bucket Name of the bucket.
	 * @param prefix Prefix of the keys of stored objects.
	 * @param presignExpiry Lifetime of a download URL.
	 * @param region Region, if it differs from Spring Cloud AWS.
	 * @param endpoint Endpoint of a compatible store, if it differs from Spring Cloud
	 * AWS.
	 * @param sse Server-side encryption of the service's own uploads.
	 * @param storageClass Storage class of the service's own uploads.
	 * @param tags Tags of the service's own uploads.
	 */
	public record S3(@Nullable String bucket, @DefaultValue("vgi-rpc/") String prefix,
			@DefaultValue("1h") Duration presignExpiry, @Nullable String region, @Nullable URI endpoint,
			@DefaultValue Sse sse, @Nullable String storageClass, @DefaultValue Map<String, String> tags) {

		/** It becomes a part of host names. */
		private static final Pattern REGION = Pattern.compile("[A-Za-z0-9-]{0,63}");

		public S3 {
			Assert.isTrue(bucket == null || bucket.startsWith("arn:") || bucket.indexOf('/') < 0,
					"vgi.external.s3.bucket must be a name or an ARN and not a path or URL");
			ObjectKey.checkPrefix("vgi.external.s3.prefix", prefix);
			Ranges.check("vgi.external.s3.presign-expiry", presignExpiry, SHORTEST_EXPIRY, LONGEST_EXPIRY);
			Assert.isTrue(region == null || REGION.matcher(region).matches(),
					"vgi.external.s3.region must be a name of letters, digits and hyphens");
			Assert.isTrue(tags.size() <= 10, "vgi.external.s3.tags must not be more than 10");
			Assert.isTrue(endpoint == null || isOrigin(endpoint),
					"vgi.external.s3.endpoint must be an absolute URL without credentials, query or fragment,"
							+ " and its host must not have an underscore");
		}

		/**
		 * Server-side encryption.
		 *
		 * @param algorithm Algorithm, 'AES256', 'aws:kms' or 'aws:kms:dsse'.
		 * @param kmsKeyId Identifier of the KMS key.
		 * @param bucketKey Whether to use a bucket key, which saves calls to KMS.
		 */
		public record Sse(@Nullable String algorithm, @Nullable String kmsKeyId,
				@DefaultValue("false") boolean bucketKey) {

			public Sse {
				boolean kms = "aws:kms".equals(algorithm) || "aws:kms:dsse".equals(algorithm);
				Assert.isTrue(algorithm == null || kms || "AES256".equals(algorithm),
						"vgi.external.s3.sse.algorithm must be AES256, aws:kms or aws:kms:dsse");
				Assert.isTrue(kms || kmsKeyId == null,
						"vgi.external.s3.sse.kms-key-id needs vgi.external.s3.sse.algorithm=aws:kms");
				Assert.isTrue(!bucketKey || "aws:kms".equals(algorithm),
						"vgi.external.s3.sse.bucket-key needs vgi.external.s3.sse.algorithm=aws:kms");
			}

		}

	}

	/**
	 * Google Cloud Storage.
	 *
	 * @param bucket Name of the bucket.
	 * @param prefix Prefix of the names of stored objects.
	 * @param presignExpiry Lifetime of a download URL.
	 * @param project Project, if it differs from Spring Cloud GCP.
	 */
	public record Gcs(@Nullable String bucket, @DefaultValue("vgi-rpc/") String prefix,
			@DefaultValue("1h") Duration presignExpiry, @Nullable String project) {

		public Gcs {
			Assert.isTrue(bucket == null || bucket.indexOf('/') < 0,
					"vgi.external.gcs.bucket must be a name and not a path or URL");
			ObjectKey.checkPrefix("vgi.external.gcs.prefix", prefix);
			Ranges.check("vgi.external.gcs.presign-expiry", presignExpiry, SHORTEST_EXPIRY, LONGEST_EXPIRY);
		}

	}

	/**
	 * Folder of this machine.
	 *
	 * @param directory Folder of the stored objects. A folder for temporary files by
	 * default.
	 * @param baseUrl URL under which callers reach this service. Derived from the
	 * connection, or from forwarded headers if Boot is set to use these, by default.
	 * @param urlExpiry Lifetime of a download URL.
	 * @param retention Age at which objects are removed. 10 minutes more than
	 * 'url-expiry' by default.
	 * @param maxTotalSize Most bytes of all stored objects together. Uploads may take
	 * half of it, those of one caller a quarter.
	 */
	public record Local(@Nullable String directory, @Nullable URI baseUrl, @DefaultValue("1h") Duration urlExpiry,
			@Nullable Duration retention, @DefaultValue("10GB") DataSize maxTotalSize) {

		public Local {
			path(directory);
			Ranges.check("vgi.external.local.url-expiry", urlExpiry, SHORTEST_EXPIRY, Ranges.LONGEST);
			Ranges.check("vgi.external.local.retention", retention, SHORTEST_EXPIRY, Ranges.LONGEST);
			Assert.isTrue(retention == null || retention.compareTo(urlExpiry) >= 0,
					"vgi.external.local.retention must not be shorter than vgi.external.local.url-expiry");
			Ranges.check("vgi.external.local.max-total-size", maxTotalSize, "1B");
			Assert.isTrue(baseUrl == null || isOrigin(baseUrl),
					"vgi.external.local.base-url must be an absolute URL without credentials, query or fragment,"
							+ " and its host must not have an underscore");
		}

		/**
		 * Return the folder.
		 * @return what {@link #directory()} says, or {@code null} if it says nothing
		 */
		@Nullable Path path() {
			return path(this.directory);
		}

		// A text is bound, and not a path: Boot's conversion asks all resource loaders of
		// the application, and that of S3 would need its region for that.
		private static @Nullable Path path(@Nullable String directory) {
			if (!StringUtils.hasText(directory)) {
				return null;
			}
			try {
				return directory.startsWith("file:") ? Path.of(URI.create(directory)) : Path.of(directory);
			}
			catch (IllegalArgumentException | FileSystemNotFoundException ex) {
				throw new IllegalArgumentException("vgi.external.local.directory is no path: " + ex.getMessage());
			}
		}

	}

	/**
	 * Removal of old objects by the bucket's own rules.
	 *
	 * @param mode Whether to look at the bucket's rules.
	 * @param expireAfter Age at which the suggested rule removes objects, rounded up to
	 * days.
	 */
	public record Lifecycle(@DefaultValue("verify") Mode mode, @DefaultValue("1d") Duration expireAfter) {

		public Lifecycle {
			Ranges.check("vgi.external.lifecycle.expire-after", expireAfter, "1ms", Ranges.LONGEST);
		}

		/**
		 * Whether to look at the bucket's rules.
		 */
		public enum Mode {

			/** Warn when a rule is missing. */
			VERIFY,

			/** Do not look. */
			NONE

		}

	}

	/**
	 * Health contribution.
	 *
	 * @param cache How long a result is kept.
	 * @param timeout Longest time a check may take.
	 * @param writeProbe Whether a check stores and fetches a tiny object.
	 */
	public record Health(@DefaultValue("30s") Duration cache, @DefaultValue("5s") Duration timeout,
			@DefaultValue("false") boolean writeProbe) {

		public Health {
			Ranges.check("vgi.external.health.cache", cache, "0s", Ranges.LONGEST);
			Ranges.check("vgi.external.health.timeout", timeout, "1ms", Ranges.LONGEST);
		}

	}

	/**
	 * Transfers that the endpoint 'vgiexternal' shows after they have ended.
	 *
	 * @param size How many transfers that finished are kept, and how many that failed.
	 * Use 0 to show only those under way.
	 */
	public record History(@DefaultValue("100") int size) {

		public History {
			Ranges.check("vgi.external.history.size", size, "0", "10000");
		}

	}

	/**
	 * What is observed of transfers.
	 *
	 * @param requests Whether each request to storage is an observation of its own, so
	 * that it has a span. A large transfer has hundreds.
	 */
	public record Observation(@DefaultValue("false") boolean requests) {

	}

}
