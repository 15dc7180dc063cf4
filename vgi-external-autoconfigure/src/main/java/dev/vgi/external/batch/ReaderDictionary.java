package dev.vgi.external.batch;

import java.util.ArrayList;
import java.util.List;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.util.VectorBatchAppender;

/**
 * One dictionary of the stream that is being read, as far as it has arrived. The batches
 * get vectors of their own that share its memory, so it never changes what they can see.
 */
final class ReaderDictionary implements AutoCloseable {

	private final Field field;

	private final DictionaryEncoding encoding;

	private final BufferAllocator allocator;

	private FieldVector vector;

	/** Whether the memory is ours alone to append to. */
	private boolean appendable;

	private List<BatchLoader.Encoded> encoded = List.of();

	ReaderDictionary(Dictionary dictionary, BufferAllocator allocator) {
		this.field = dictionary.getVector().getField();
		this.encoding = dictionary.getEncoding();
		this.allocator = allocator;
		this.vector = dictionary.getVector();
	}

	Field field() {
		return this.field;
	}

	int size() {
		return this.vector.getValueCount();
	}

	/**
	 * Return the vectors inside that are dictionary-encoded themselves.
	 * @return the vectors whose indices want a check once their dictionaries have arrived
	 */
	List<BatchLoader.Encoded> encoded() {
		return this.encoded;
	}

	/**
	 * Put other values into the place of the present ones.
	 * @param replacement the values, taken over
	 * @param encoded the dictionary-encoded vectors inside
	 */
	void replace(FieldVector replacement, List<BatchLoader.Encoded> encoded) {
		this.vector.close();
		this.vector = replacement;
		this.encoded = encoded;
		this.appendable = false;
	}

	/**
	 * Append values.
	 * @param delta the values, borrowed
	 * @param encoded the dictionary-encoded vectors inside, which must not be used
	 * afterwards
	 */
	void append(FieldVector delta, List<BatchLoader.Encoded> encoded) {
		if (!this.appendable) {
			// the present memory belongs to the message it came with
			FieldVector copy = this.field.createVector(this.allocator);
			try {
				copy.allocateNew();
				copy.setValueCount(0);
				VectorBatchAppender.batchAppend(copy, this.vector);
			}
			catch (RuntimeException ex) {
				copy.close();
				throw ex;
			}
			this.vector.close();
			this.vector = copy;
			this.appendable = true;
		}
		VectorBatchAppender.batchAppend(this.vector, delta);
		if (!encoded.isEmpty()) {
			List<BatchLoader.Encoded> all = new ArrayList<>();
			collect(this.field, this.vector, all);
			this.encoded = all;
		}
	}

	private static void collect(Field field, FieldVector vector, List<BatchLoader.Encoded> encoded) {
		if (field.getDictionary() != null) {
			encoded.add(new BatchLoader.Encoded(field, vector));
		}
		List<FieldVector> children = vector.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			collect(field.getChildren().get(i), children.get(i), encoded);
		}
	}

	/**
	 * Return the dictionary as it is now.
	 * @return a dictionary with a vector of its own, which the caller closes
	 */
	Dictionary share() {
		FieldVector shared = this.field.createVector(this.allocator);
		try {
			share(this.vector, shared);
		}
		catch (RuntimeException ex) {
			shared.close();
			throw ex;
		}
		return new Dictionary(shared, this.encoding);
	}

	private static void share(FieldVector from, FieldVector to) {
		to.loadFieldBuffers(new ArrowFieldNode(from.getValueCount(), 0), from.getFieldBuffers());
		List<FieldVector> children = from.getChildrenFromFields();
		List<FieldVector> targets = to.getChildrenFromFields();
		for (int i = 0; i < children.size(); i++) {
			share(children.get(i), targets.get(i));
		}
	}

	@Override
	public void close() {
		this.vector.close();
	}

}
