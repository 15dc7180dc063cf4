package dev.vgi.external.batch;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.util.VectorBatchAppender;
import org.jspecify.annotations.Nullable;

/**
 * One dictionary of the stream that is being read, as far as it has arrived. Batches get
 * their own vectors that share its memory, so it never changes the values they see.
 */
final class ReaderDictionary implements AutoCloseable {

	/** Cost of sharing one vector or buffer, in bytes of work. */
	private static final int SHARE = 64;

	/** Bytes that Arrow allocates for a vector without a given capacity. */
	private static final int ALLOCATION = 1 << 15;

	private final Field field;

	private final DictionaryEncoding encoding;

	private BufferAllocator allocator;

	private FieldVector vector;

	/** Whether the memory is not shared, so that values can be appended. */
	private boolean appendable;

	/** The highest indices of others into it, and how many others have each. */
	private final TreeMap<Integer, Integer> usedUpTo = new TreeMap<>();

	private @Nullable Version version;

	ReaderDictionary(Dictionary dictionary, BufferAllocator allocator) {
		this.field = dictionary.getVector().getField();
		this.encoding = dictionary.getEncoding();
		this.allocator = allocator;
		this.vector = dictionary.getVector();
	}

	/**
	 * Let something else own what is created from now on.
	 * @param allocator the owner
	 */
	void newAccount(BufferAllocator allocator) {
		this.allocator = allocator;
	}

	Field field() {
		return this.field;
	}

	int size() {
		return this.vector.getValueCount();
	}

	void used(int highest) {
		this.usedUpTo.merge(highest, 1, Integer::sum);
	}

	void notUsed(int highest) {
		this.usedUpTo.computeIfPresent(highest, (index, count) -> (count > 1) ? count - 1 : null);
	}

	boolean isTooShort() {
		return !this.usedUpTo.isEmpty() && this.usedUpTo.lastKey() >= size();
	}

	/**
	 * Replace the values.
	 * @param replacement the values; taken over
	 */
	void replace(FieldVector replacement) {
		this.vector.close();
		this.vector = replacement;
		this.appendable = false;
		closeVersion();
	}

	/**
	 * Append values.
	 * @param delta the values; borrowed
	 * @param meter pays for the work beyond copying the values
	 */
	void append(FieldVector delta, WorkMeter meter) {
		// Arrow's appender computes positions with 32 bits.
		long size = BatchLayout.bufferSize(this.vector) + BatchLayout.bufferSize(delta);
		if (size > Integer.MAX_VALUE || !haveRoom(this.vector, delta)) {
			throw new CorruptStreamException("A dictionary that grows by deltas is larger than 2 GiB");
		}
		if (!this.appendable) {
			// the current memory belongs to the message it came with
			FieldVector copy = this.field.createVector(this.allocator);
			try {
				if (this.field.getChildren().isEmpty()) {
					copy.setInitialCapacity(size() + delta.getValueCount());
				}
				else {
					meter.spend(ALLOCATION * parts(this.vector));
				}
				copy.allocateNew();
				copy.setValueCount(0);
				Appender.append(copy, this.vector);
			}
			catch (RuntimeException ex) {
				copy.close();
				throw ex;
			}
			this.vector.close();
			this.vector = copy;
			this.appendable = true;
		}
		Appender.append(this.vector, delta);
		closeVersion();
	}

	private static boolean haveRoom(FieldVector present, FieldVector delta) {
		if ((long) present.getValueCount() + delta.getValueCount() > Integer.MAX_VALUE) {
			return false;
		}
		List<FieldVector> children = present.getChildrenFromFields();
		List<FieldVector> added = delta.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			if (!haveRoom(children.get(i), added.get(i))) {
				return false;
			}
		}
		return true;
	}

	/**
	 * Return the current version of the dictionary.
	 * @param meter pays for it
	 * @return the version, with one more holder, which releases it
	 */
	Version version(WorkMeter meter) {
		if (this.version == null) {
			meter.spend(SHARE * parts(this.vector));
			this.version = new Version(this.field, this.encoding, share(this.field, this.vector, this.allocator));
		}
		return this.version.retain();
	}

	/**
	 * Free the current version, apart from those who hold it.
	 */
	void closeVersion() {
		if (this.version != null) {
			this.version.release();
			this.version = null;
		}
	}

	private static long parts(FieldVector vector) {
		long parts = 1 + vector.getFieldBuffers().size();
		for (FieldVector child : vector.getChildrenFromFields()) {
			parts += parts(child);
		}
		return parts;
	}

	private static FieldVector share(Field field, FieldVector vector, BufferAllocator allocator) {
		FieldVector shared = field.createVector(allocator);
		try {
			share(vector, shared);
			return shared;
		}
		catch (RuntimeException ex) {
			shared.close();
			throw ex;
		}
	}

	/**
	 * Share the memory of a vector at every depth.
	 * @param from the vector; borrowed
	 * @param to an empty vector of the same field
	 */
	static void share(FieldVector from, FieldVector to) {
		to.loadFieldBuffers(new ArrowFieldNode(from.getValueCount(), 0), from.getFieldBuffers());
		List<FieldVector> children = from.getChildrenFromFields();
		List<FieldVector> targets = to.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			share(children.get(i), targets.get(i));
		}
	}

	@Override
	public void close() {
		closeVersion();
		this.vector.close();
	}

	/**
	 * A dictionary between two changes. Freed by its last holder. Thread-safe, except
	 * that only one thread at a time may request vectors.
	 */
	static final class Version {

		private final Field field;

		private final DictionaryEncoding encoding;

		private final FieldVector vector;

		private final AtomicInteger holders = new AtomicInteger(1);

		private Version(Field field, DictionaryEncoding encoding, FieldVector vector) {
			this.field = field;
			this.encoding = encoding;
			this.vector = vector;
		}

		private Version retain() {
			this.holders.incrementAndGet();
			return this;
		}

		void release() {
			if (this.holders.decrementAndGet() == 0) {
				this.vector.close();
			}
		}

		/**
		 * Return the dictionary.
		 * @return a dictionary with its own vector, which the caller closes
		 */
		synchronized Dictionary dictionary() {
			return new Dictionary(share(this.field, this.vector, this.vector.getAllocator()), this.encoding);
		}

	}

	/**
	 * Keeps away from Arrow's appender what it does not know, and what it would take
	 * memory for without end: it doubles all vectors below a value until each has room.
	 */
	private static final class Appender {

		/** How much larger than its values the memory may become. */
		private static final int MOST_GROWTH = 16;

		static void append(FieldVector target, FieldVector values) {
			Field field = target.getField();
			requireKnown(field, true);
			long size = BatchLayout.bufferSize(target) + BatchLayout.bufferSize(values);
			if (grown(target, values, 1) > MOST_GROWTH * size + 2 * ALLOCATION * parts(target)) {
				throw new UnsupportedStreamException(
						"deltas with many short values to a few long ones, of type " + field.getType().getTypeID());
			}
			VectorBatchAppender.batchAppend(target, values);
		}

		private static void requireKnown(Field field, boolean whole) {
			ArrowType type = field.getType();
			boolean known = switch (type.getTypeID()) {
				// These have no capacity, which never becomes enough.
				case Null -> false;
				case Struct, Union -> !field.getChildren().isEmpty();
				case FixedSizeList -> ((ArrowType.FixedSizeList) type).getListSize() > 0;
				// One run may stand for more values than there is memory for.
				case RunEndEncoded -> whole;
				case LargeList, ListView, LargeListView -> false;
				default -> true;
			};
			if (!known) {
				throw new UnsupportedStreamException("deltas of a dictionary of type " + type.getTypeID());
			}
			field.getChildren().forEach((child) -> requireKnown(child, false));
		}

		// What the vector takes before anything is appended below it.
		private static long grown(FieldVector target, FieldVector values, long doubled) {
			long times = doubled;
			boolean grows = !target.getField().getChildren().isEmpty() && !(target instanceof RunEndEncodedVector);
			long needed = (long) target.getValueCount() + values.getValueCount();
			while (grows && times * Math.max(1, target.getValueCapacity()) < needed) {
				times *= 2;
			}
			long bytes = times * target.getFieldBuffers().stream().mapToLong(ArrowBuf::capacity).sum();
			for (int i = 0; i < target.getChildrenFromFields().size(); i++) {
				bytes += grown(target.getChildrenFromFields().get(i), values.getChildrenFromFields().get(i), times);
			}
			return bytes;
		}

	}

	/**
	 * A vector of indices into a dictionary.
	 *
	 * @param field its field
	 * @param vector the indices
	 */
	record Indices(Field field, FieldVector vector) {

		private static final String OUTSIDE = "has an index outside its dictionary";

		long id() {
			return Objects.requireNonNull(this.field.getDictionary()).getId();
		}

		/**
		 * Check the indices.
		 * @param dictionarySize number of values in the dictionary
		 * @param meter receives the work
		 */
		void check(int dictionarySize, WorkMeter meter) {
			BatchBuffers.check(highest(meter) < dictionarySize, this.field, OUTSIDE);
		}

		/**
		 * Find the highest index.
		 * @param meter receives the work
		 * @return the index, or -1 if no value is present
		 */
		int highest(WorkMeter meter) {
			long highest = -1;
			BaseFixedWidthVector indices = (BaseFixedWidthVector) this.vector;
			int width = indices.getTypeWidth();
			int count = indices.getValueCount();
			boolean signed = ((ArrowType.Int) this.field.getType()).getIsSigned();
			ArrowBuf values = indices.getDataBuffer();
			ArrowBuf validity = indices.getValidityBuffer();
			long bytes = (long) count * width;
			for (long position = 0; position < bytes; position += BatchBuffers.WINDOW) {
				int size = (int) Math.min(BatchBuffers.WINDOW, bytes - position);
				meter.done(size);
				ByteBuffer window = BatchBuffers.window(values, position, size);
				for (int i = 0; i < size; i += width) {
					long index = index(window, i, width, signed);
					if (index < 0 || index > highest) {
						boolean present = !BatchBuffers.isNull(validity, (int) ((position + i) / width));
						BatchBuffers.check(!present || (index >= 0 && index < Integer.MAX_VALUE), this.field, OUTSIDE);
						highest = present ? index : highest;
					}
				}
			}
			return (int) highest;
		}

		private static long index(ByteBuffer window, int at, int width, boolean signed) {
			return switch (width) {
				case Byte.BYTES -> signed ? window.get(at) : window.get(at) & 0xFF;
				case Short.BYTES -> signed ? window.getShort(at) : window.getShort(at) & 0xFFFF;
				case Integer.BYTES -> signed ? window.getInt(at) : window.getInt(at) & 0xFFFFFFFFL;
				default -> window.getLong(at);
			};
		}

	}

}
