package dev.vgi.external.batch;

import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.ArrowType.ExtensionType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * A type whose vectors can be told to fail once they have taken their memory. Its values
 * are stored as numbers.
 */
public final class FragileType extends ExtensionType {

	private final AtomicBoolean broken = new AtomicBoolean();

	/**
	 * Break the vectors, or repair them.
	 * @param broken whether they refuse memory from now on
	 */
	public void setBroken(boolean broken) {
		this.broken.set(broken);
	}

	/**
	 * Create a vector.
	 * @param name its name
	 * @param value its only value
	 * @param allocator the owner of its memory
	 * @return the vector; the caller closes it
	 */
	public FieldVector vector(String name, int value, BufferAllocator allocator) {
		FragileVector vector = new FragileVector(new Field(name, FieldType.nullable(this), null), allocator);
		vector.getUnderlyingVector().setSafe(0, value);
		vector.setValueCount(1);
		return vector;
	}

	boolean isBroken() {
		return this.broken.get();
	}

	@Override
	public ArrowType storageType() {
		return new ArrowType.Int(32, true);
	}

	@Override
	public String extensionName() {
		return "fragile";
	}

	@Override
	public boolean extensionEquals(ExtensionType other) {
		return other == this;
	}

	@Override
	public ArrowType deserialize(ArrowType storageType, String serializedData) {
		return this;
	}

	@Override
	public String serialize() {
		return "";
	}

	@Override
	public FieldVector getNewVector(String name, FieldType fieldType, BufferAllocator allocator) {
		return new FragileVector(new Field(name, fieldType, null), allocator);
	}

}
