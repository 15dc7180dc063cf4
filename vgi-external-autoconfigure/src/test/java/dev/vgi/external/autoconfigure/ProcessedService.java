package dev.vgi.external.autoconfigure;

import java.util.List;

import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;

/**
 * What {@link ProcessedApplication} serves and calls: types that nothing but the
 * signatures of its methods name.
 */
@RpcService(name = "Processed", version = "1.0.0")
public interface ProcessedService {

	@RpcMethod("answer")
	Answer answer(Question question, Mood mood);

	@RpcMethod("count")
	ProducerStream<Head> count(long rows);

	record Question(String text, List<Tag> tags) {

	}

	record Tag(String name) {

	}

	enum Mood {

		CALM, HURRIED

	}

	record Answer(String text, Mood mood) {

	}

	record Head(long rows) {

	}

}
