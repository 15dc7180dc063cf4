package dev.vgi.external.web.server;

import java.util.List;

import dev.vgi.external.Internal;
import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.batch.OutputCycle;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ValueVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.TokenStreamContext;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.ser.std.StdSerializer;

import org.springframework.http.HttpStatus;
import org.springframework.web.context.request.RequestContextHolder;
import org.springframework.web.context.request.ServletRequestAttributes;
import org.springframework.web.server.ResponseStatusException;

/**
 * Prevents Jackson from serializing vectors that are part of another object: it would
 * serialize the internals of allocators. Refuses with 406, and the current request takes
 * ownership of the value.
 */
@Internal
public final class ArrowModule extends SimpleModule {

	/**
	 * Create the module.
	 */
	public ArrowModule() {
		super("vgi-external");
		for (Class<?> type : List.of(VectorSchemaRoot.class, AnnotatedBatch.class, OutputCycle.class, ValueVector.class,
				ArrowBuf.class, BufferAllocator.class, ArrowReader.class)) {
			addSerializer(type, new RefusingSerializer());
		}
	}

	/**
	 * Refuses to write.
	 */
	private static final class RefusingSerializer extends StdSerializer<Object> {

		RefusingSerializer() {
			super(Object.class);
		}

		@Override
		public void serialize(Object value, JsonGenerator generator, SerializationContext context) {
			if (RequestContextHolder.getRequestAttributes() instanceof ServletRequestAttributes attributes) {
				BatchScope.own(attributes.getRequest(), value);
				// The enclosing objects may hold further vectors.
				for (TokenStreamContext around = generator.streamWriteContext(); around != null; around = around
					.getParent()) {
					BatchScope.own(attributes.getRequest(), around.currentValue());
				}
			}
			throw new ResponseStatusException(HttpStatus.NOT_ACCEPTABLE,
					"An Arrow value cannot be a part of something else: return it by itself");
		}

	}

}
