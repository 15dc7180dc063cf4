package dev.vgi.external.memory;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class StreamChannelsTests {

	/** Each write as one array. */
	private final List<byte[]> pieces = new ArrayList<>();

	private final OutputStream out = new OutputStream() {

		@Override
		public void write(int octet) {
			throw new AssertionError("one by one");
		}

		@Override
		public void write(byte[] bytes, int offset, int length) {
			ByteArrayOutputStream piece = new ByteArrayOutputStream();
			piece.write(bytes, offset, length);
			StreamChannelsTests.this.pieces.add(piece.toByteArray());
		}

		@Override
		public void close() {
			throw new AssertionError("the stream belongs to the caller");
		}

	};

	private static byte[] bytes(int size) {
		byte[] bytes = new byte[size];
		new Random(size).nextBytes(bytes);
		return bytes;
	}

	private static ByteBuffer direct(byte[] bytes, int from, int to) {
		return ByteBuffer.allocateDirect(bytes.length).put(bytes).position(from).limit(to);
	}

	private byte[] written() {
		ByteArrayOutputStream all = new ByteArrayOutputStream();
		this.pieces.forEach(all::writeBytes);
		return all.toByteArray();
	}

	@Test
	void onlyTheLastPieceIsShorter() throws IOException {
		byte[] bytes = bytes(3 * OutputStreamChannel.PIECE + 10);
		OutputStreamChannel channel = new OutputStreamChannel(this.out);
		int done = 0;
		for (int size : new int[] { 0, 1, 10, 30_000, 65_534, 65_536, 3, 1 }) {
			ByteBuffer source = direct(bytes, done, done + size);
			assertThat(channel.write(source)).isEqualTo(size);
			assertThat(source.hasRemaining()).isFalse();
			done += size;
		}
		channel.write(direct(bytes, done, bytes.length));
		assertThat(this.pieces).hasSize(3).allMatch((piece) -> piece.length == OutputStreamChannel.PIECE);
		channel.flush();
		assertThat(this.pieces).hasSize(4);
		assertThat(written()).isEqualTo(bytes);
	}

	@Test
	void aPieceIsWrittenWhenTheNextOneBegins() throws IOException {
		byte[] bytes = bytes(OutputStreamChannel.PIECE + 1);
		OutputStreamChannel channel = new OutputStreamChannel(this.out);
		channel.write(direct(bytes, 0, OutputStreamChannel.PIECE));
		assertThat(this.pieces).isEmpty();
		channel.write(direct(bytes, OutputStreamChannel.PIECE, bytes.length));
		assertThat(this.pieces).hasSize(1);
		channel.flush();
		channel.write(direct(bytes, 0, 2));
		channel.flush();
		assertThat(this.pieces.get(1)).hasSize(1);
		assertThat(this.pieces.get(2)).containsExactly(bytes[0], bytes[1]);
	}

	@Test
	void whatIsNotFlushedIsNotWritten() throws IOException {
		OutputStreamChannel channel = new OutputStreamChannel(this.out);
		channel.write(direct(bytes(100), 0, 100));
		assertThat(channel.isOpen()).isTrue();
		channel.close();
		assertThat(this.pieces).isEmpty();
	}

	@Test
	void aReadBlocksForTheFirstByteOnly() throws IOException {
		List<Integer> asked = new ArrayList<>();
		byte[] bytes = bytes(200_000);
		InputStreamChannel channel = new InputStreamChannel(new ByteArrayInputStream(bytes) {
			@Override
			public int read(byte[] target, int offset, int length) {
				asked.add(length);
				return super.read(target, offset, Math.min(length, 50_000));
			}
		});
		ByteBuffer target = ByteBuffer.allocateDirect(bytes.length + 100);
		int reads = 0;
		for (int count = channel.read(target); count >= 0; count = channel.read(target)) {
			assertThat(count).isEqualTo(50_000);
			reads++;
		}
		assertThat(reads).isEqualTo(4);
		assertThat(asked).startsWith(65_536, 65_536, 65_536).endsWith(50_100, 100);
		byte[] read = new byte[target.flip().remaining()];
		target.get(read);
		assertThat(read).isEqualTo(bytes);
	}

	@Test
	void noMoreIsReadThanThereIsRoomFor() throws IOException {
		InputStream in = new ByteArrayInputStream(bytes(10));
		InputStreamChannel channel = new InputStreamChannel(in);
		assertThat(channel.read(ByteBuffer.allocateDirect(3))).isEqualTo(3);
		assertThat(channel.read(ByteBuffer.allocateDirect(0))).isZero();
		assertThat(channel.read(ByteBuffer.allocateDirect(2))).isEqualTo(2);
		assertThat(in.available()).isEqualTo(5);
	}

	@Test
	void aChannelClosesWhatItReads() throws IOException {
		boolean[] closed = new boolean[1];
		InputStreamChannel channel = new InputStreamChannel(new ByteArrayInputStream(new byte[0]) {
			@Override
			public void close() {
				closed[0] = true;
			}
		});
		assertThat(channel.isOpen()).isTrue();
		channel.close();
		assertThat(channel.isOpen()).isFalse();
		assertThat(closed[0]).isTrue();
	}

}
