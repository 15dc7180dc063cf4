package dev.vgi.external.seal;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

import dev.vgi.external.storage.ObjectKey;
import dev.vgi.external.storage.ObjectOwner;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

/**
 * Tests for {@link KeyMac}.
 */
class KeyMacTests {

	private static final String ID = "0123456789abcdef".repeat(2);

	private static final byte[] KEY = new byte[32];

	private final TokenKey key = TokenKey.of(HexFormat.of().formatHex(KEY));

	private ObjectOwner owner(String kind, @Nullable String name, TokenKey... keys) {
		return new KeyMac(kind, List.of((keys.length > 0) ? keys : new TokenKey[] { this.key })).owner(name);
	}

	/**
	 * Others may have to compute it.
	 * @throws Exception never
	 */
	@Test
	void markIsTheDocumentedMac() throws Exception {
		byte[] derived = mac(KEY, "vgi-external: whose object it is".getBytes(StandardCharsets.UTF_8));
		byte[] input = ("\0\0\0\11principal" + "\0\0\0\6=alice" + ID).getBytes(StandardCharsets.UTF_8);
		assertThat(owner("principal", "alice").mark(ID)).isEqualTo(HexFormat.of().formatHex(mac(derived, input), 0, 16))
			.matches("[0-9a-f]{32}");
	}

	private static byte[] mac(byte[] key, byte[] input) throws Exception {
		Mac mac = Mac.getInstance("HmacSHA256");
		mac.init(new SecretKeySpec(key, "HmacSHA256"));
		return mac.doFinal(input);
	}

	@Test
	void ownersDiffer() {
		List<ObjectOwner> owners = new ArrayList<>();
		for (String kind : List.of("principal", "tenant", "principal=")) {
			for (String name : List.of("", "a", "=a", "b", "A", "\u00e4", "a\0", "a ")) {
				owners.add(owner(kind, name));
			}
			owners.add(owner(kind, null));
		}
		Set<String> marks = new HashSet<>();
		for (ObjectOwner each : owners) {
			String mark = each.mark(ID);
			marks.add(mark);
			assertThat(owners.stream().filter((other) -> other.owns(ID, mark))).containsExactly(each);
		}
		assertThat(marks).hasSize(owners.size());
	}

	@Test
	void everyBitOfIdAndMarkCounts() {
		ObjectOwner owner = owner("principal", "alice");
		String mark = owner.mark(ID);
		assertThat(owner.owns(ID, mark)).isTrue();
		for (int i = 0; i < 32; i++) {
			for (int bit = 1; bit < 16; bit <<= 1) {
				assertThat(owner.owns(flipped(ID, i, bit), mark)).isFalse();
				assertThat(owner.owns(ID, flipped(mark, i, bit))).isFalse();
			}
		}
	}

	private static String flipped(String digits, int at, int bit) {
		int digit = Character.digit(digits.charAt(at), 16) ^ bit;
		return digits.substring(0, at) + Character.forDigit(digit, 16) + digits.substring(at + 1);
	}

	@Test
	void markHasOneSpelling() {
		ObjectOwner owner = owner("principal", "alice");
		String mark = owner.mark(ID);
		for (String other : List.of("", mark.substring(1), mark + mark, mark + " ", mark.toUpperCase(Locale.ROOT))) {
			assertThat(owner.owns(ID, other)).isFalse();
		}
	}

	@Test
	void firstKeyMarksAndAllRecognise() {
		TokenKey next = TokenKey.random();
		ObjectOwner before = owner("tenant", "a");
		ObjectOwner rotated = owner("tenant", "a", next, this.key);
		ObjectOwner after = owner("tenant", "a", next);
		assertThat(rotated.owns(ID, before.mark(ID))).isTrue();
		assertThat(rotated.mark(ID)).isEqualTo(after.mark(ID));
		assertThat(before.owns(ID, rotated.mark(ID))).isFalse();
		assertThat(after.owns(ID, before.mark(ID))).isFalse();
	}

	@Test
	void namesOfObjectsHaveMarks() {
		ObjectOwner owner = owner("principal", "alice");
		String name = ObjectKey.random("zstd", owner);
		assertThat(name).matches("[0-9a-f]{64}\\.arrow\\.zst");
		assertThat(ObjectKey.matches(name)).isTrue();
		assertThat(ObjectKey.isOf(name, owner)).isTrue();
		assertThat(ObjectKey.isOf(name, owner("principal", "bob"))).isFalse();
		assertThat(ObjectKey.isOf(name.substring(0, 32) + ".arrow", owner)).isFalse();
		String other = ObjectKey.random(null, owner);
		assertThat(ObjectKey.isOf(other.substring(0, 32) + name.substring(32), owner)).isFalse();
		for (String text : List.of("", ".", name.toUpperCase(Locale.ROOT), "x" + name, name.substring(1), name + "/")) {
			assertThat(ObjectKey.isOf(text, owner)).isFalse();
		}
	}

	@Test
	void noTokenHasTheKeyOfMarks() {
		// A salt has 16 bytes.
		assertThat(this.key.deriveForMarks().getEncoded()).isNotEqualTo(this.key.derive(new byte[16]).getEncoded());
	}

	@Test
	void needsAKey() {
		assertThatIllegalArgumentException().isThrownBy(() -> new KeyMac("principal", List.of()));
	}

	@Test
	void textShowsNobody() {
		assertThat(owner("principal", "alice")).hasToString("ObjectOwner[******]");
	}

}
