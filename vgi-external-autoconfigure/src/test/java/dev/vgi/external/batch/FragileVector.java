package dev.vgi.external.batch;

import java.util.List;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.util.hash.ArrowBufHasher;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * A vector of a {@link FragileType}.
 */
final class FragileVector extends ExtensionTypeVector<IntVector> {

	private final Field field;

	FragileVector(Field field, BufferAllocator allocator) {
		super(field, allocator, new IntVector(field.getName(), allocator));
		this.field = field;
	}

	@Override
	public Field getField() {
		return this.field;
	}

	@Override
	public void loadFieldBuffers(ArrowFieldNode node, List<ArrowBuf> buffers) {
		super.loadFieldBuffers(node, buffers);
		if (((FragileType) this.field.getType()).isBroken()) {
			throw new IllegalStateException("broken");
		}
	}

	@Override
	public Object getObject(int index) {
		return getUnderlyingVector().getObject(index);
	}

	@Override
	public int hashCode(int index) {
		return getUnderlyingVector().hashCode(index);
	}

	@Override
	public int hashCode(int index, ArrowBufHasher hasher) {
		return getUnderlyingVector().hashCode(index, hasher);
	}

}
