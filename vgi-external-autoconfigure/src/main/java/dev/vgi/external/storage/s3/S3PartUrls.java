package dev.vgi.external.storage.s3;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.presigner.PresignedRequest;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.services.s3.model.UploadPartRequest;

/**
 * Signs the parts of one upload. Their URLs differ only in the number of the part, so the
 * SDK signs one, and those that soon follow are made from it: signing all of them with
 * the SDK costs as much processor time as sending them. Only a URL that can be signed
 * here exactly as the SDK has signed it is a model for others.
 * <p>
 * Thread-safe.
 */
final class S3PartUrls {

	/** What part of its lifetime a URL may have lost when it is first used. */
	private static final int SHARE_OF_LIFETIME = 10;

	private final S3Signer signer;

	private final Clock clock;

	private final UploadPartRequest request;

	private volatile @Nullable Model model;

	/**
	 * Create the URLs of an upload.
	 * @param signer signs the models
	 * @param clock tells how old a model is
	 * @param request identifies the upload; its number does not matter
	 */
	S3PartUrls(S3Signer signer, Clock clock, UploadPartRequest request) {
		this.signer = signer;
		this.clock = clock;
		this.request = request;
	}

	/**
	 * Sign the URL of a part.
	 * @param number number of the part
	 * @param credentials what to sign with
	 * @return the request to send
	 */
	SignedRequest sign(int number, AwsCredentialsIdentity credentials) {
		Instant now = this.clock.instant();
		Model known = this.model;
		if (known != null && known.isFor(credentials, now)) {
			return new SignedRequest(known.url(number), Map.of());
		}
		PresignedRequest signed = this.signer.part(this.request.toBuilder().partNumber(number).build(), credentials);
		this.model = Model.of(signed, number, credentials, now);
		return SignedRequest.of(signed);
	}

	/**
	 * A URL of the SDK, and what it takes to sign others like it. Not a record: it must
	 * never be printed.
	 */
	private static final class Model {

		private static final String ALGORITHM = "AWS4-HMAC-SHA256";

		private static final String NUMBER = "partNumber=";

		private static final String SIGNATURE = "X-Amz-Signature=";

		private final AwsCredentialsIdentity credentials;

		private final Instant from;

		private final Instant until;

		/** The URL up to its query. */
		private final String address;

		/** The parameters as the SDK has put them, without their signature. */
		private final List<String> parameters;

		/** What is signed, before and after the parameters. */
		private final String[] canonical;

		private final String scope;

		private final String date;

		private final SecretKeySpec key;

		private Model(PresignedRequest signed, String host, AwsCredentialsIdentity credentials, Instant now)
				throws GeneralSecurityException {
			URI url = S3Signer.url(signed);
			String whole = url.toString();
			this.address = whole.substring(0, whole.indexOf('?') + 1);
			this.parameters = Arrays.stream(url.getRawQuery().split("&"))
				.filter((parameter) -> !parameter.startsWith(SIGNATURE))
				.toList();
			this.credentials = credentials;
			this.from = now;
			Duration lifetime = Duration.ofSeconds(Long.parseLong(value("X-Amz-Expires=")));
			this.until = now.plus(lifetime.dividedBy(SHARE_OF_LIFETIME));
			this.canonical = new String[] { signed.httpRequest().method() + "\n" + url.getRawPath() + "\n",
					"\nhost:" + host + "\n\nhost\nUNSIGNED-PAYLOAD" };
			this.date = value("X-Amz-Date=");
			// The access key comes first, and ends before the last four.
			String[] credential = value("X-Amz-Credential=").split("%2F");
			this.scope = String.join("/", Arrays.copyOfRange(credential, credential.length - 4, credential.length));
			byte[] derived = ("AWS4" + credentials.secretAccessKey()).getBytes(StandardCharsets.UTF_8);
			for (String part : this.scope.split("/")) {
				derived = hmac(new SecretKeySpec(derived, "HmacSHA256"), part);
			}
			this.key = new SecretKeySpec(derived, "HmacSHA256");
		}

		// Returns null if the SDK has signed anything else than is understood here.
		static @Nullable Model of(PresignedRequest signed, int number, AwsCredentialsIdentity credentials,
				Instant now) {
			List<String> host = signed.signedHeaders().get("host");
			if (host == null || signed.signedHeaders().size() != 1) {
				return null;
			}
			try {
				Model model = new Model(signed, host.get(0), credentials, now);
				return model.url(number).equals(S3Signer.url(signed)) ? model : null;
			}
			catch (GeneralSecurityException | RuntimeException ex) {
				// Whatever it is, the SDK can sign it.
				return null;
			}
		}

		private String value(String name) {
			List<String> found = this.parameters.stream().filter((parameter) -> parameter.startsWith(name)).toList();
			return found.get(0).substring(name.length());
		}

		boolean isFor(AwsCredentialsIdentity others, Instant now) {
			return this.credentials.equals(others) && !now.isBefore(this.from) && now.isBefore(this.until);
		}

		URI url(int number) {
			List<String> numbered = this.parameters.stream()
				.map((parameter) -> parameter.startsWith(NUMBER) ? NUMBER + number : parameter)
				.toList();
			String sorted = numbered.stream().sorted().collect(Collectors.joining("&"));
			try {
				MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
				byte[] digest = sha256
					.digest((this.canonical[0] + sorted + this.canonical[1]).getBytes(StandardCharsets.UTF_8));
				HexFormat hex = HexFormat.of();
				String signature = hex.formatHex(hmac(this.key,
						ALGORITHM + "\n" + this.date + "\n" + this.scope + "\n" + hex.formatHex(digest)));
				return URI.create(this.address + String.join("&", numbered) + "&" + SIGNATURE + signature);
			}
			catch (GeneralSecurityException ex) {
				throw new IllegalStateException("It has signed before", ex);
			}
		}

		private static byte[] hmac(SecretKeySpec key, String text) throws GeneralSecurityException {
			Mac mac = Mac.getInstance("HmacSHA256");
			mac.init(key);
			return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
		}

	}

}
