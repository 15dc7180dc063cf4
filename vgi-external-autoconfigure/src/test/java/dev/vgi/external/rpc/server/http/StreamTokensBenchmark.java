package dev.vgi.external.rpc.server.http;

import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.rpc.server.http.StreamTokens.Binding;
import dev.vgi.external.rpc.server.http.StreamTokens.Use;
import dev.vgi.external.seal.TokenKey;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * A state of 512 bytes sealed and opened, and by the bare cipher encrypted and decrypted.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.SECONDS)
public class StreamTokensBenchmark {

	private static final int NONCE = 12;

	private static final int TAG_BITS = 128;

	private final StreamTokens tokens = new StreamTokens(List.of(TokenKey.random()), Duration.ofHours(1),
			Clock.systemUTC());

	private final Binding binding = new Binding("FlightService", "flights", "somebody");

	private final SecureRandom random = new SecureRandom();

	private final SecretKeySpec key = new SecretKeySpec(bytes(32), "AES");

	// Half of it repeats, as in the small Arrow streams that states are.
	private final byte[] state = state();

	private static byte[] state() {
		byte[] state = new byte[512];
		System.arraycopy(bytes(256), 0, state, 0, 256);
		return state;
	}

	private static byte[] bytes(int length) {
		byte[] bytes = new byte[length];
		new Random(42).nextBytes(bytes);
		return bytes;
	}

	@Benchmark
	public byte[] token() {
		return this.tokens.open(Use.CURSOR, this.binding, this.tokens.seal(Use.CURSOR, this.binding, this.state));
	}

	@Benchmark
	public byte[] cipher() throws GeneralSecurityException {
		byte[] nonce = new byte[NONCE];
		this.random.nextBytes(nonce);
		byte[] encrypted = cipher(Cipher.ENCRYPT_MODE, nonce, this.state);
		return cipher(Cipher.DECRYPT_MODE, nonce, encrypted);
	}

	private byte[] cipher(int mode, byte[] nonce, byte[] content) throws GeneralSecurityException {
		Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
		cipher.init(mode, this.key, new GCMParameterSpec(TAG_BITS, nonce));
		return cipher.doFinal(content);
	}

}
