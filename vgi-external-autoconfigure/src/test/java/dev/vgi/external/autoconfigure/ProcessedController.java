package dev.vgi.external.autoconfigure;

import java.util.List;

import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcCancel;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcTurn;
import dev.vgi.external.rpc.Turn;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Serves {@link ProcessedService}.
 */
@RestController
class ProcessedController implements ProcessedService {

	private static final Schema NUMBERS = new Schema(List.of(Field.notNullable("number", new ArrowType.Int(64, true))));

	@Override
	public Answer answer(Question question, Mood mood) {
		return new Answer(question.tags().get(0).name() + ":" + question.text(), mood);
	}

	@Override
	public ProducerStream<Head> count(long rows) {
		return ProducerStream.of(NUMBERS, new Position(0, rows), new Head(rows));
	}

	@RpcTurn
	Turn next(Position position, RpcContext context) {
		VectorSchemaRoot number = VectorSchemaRoot.create(NUMBERS, context.allocator());
		((BigIntVector) number.getVector(0)).setSafe(0, position.next());
		number.setRowCount(1);
		Position after = new Position(position.next() + 1, position.end());
		return (after.next() < after.end()) ? Turn.emit(number, after) : Turn.emitLast(number);
	}

	@RpcCancel
	void cancelled(Abandoned position) {
	}

	@GetMapping("/plain")
	String plain() {
		return "plain";
	}

	record Position(long next, long end) {

	}

	record Abandoned(Place place) {

	}

	record Place(int row) {

	}

}
