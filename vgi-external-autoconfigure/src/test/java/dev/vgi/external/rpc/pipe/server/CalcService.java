package dev.vgi.external.rpc.pipe.server;

import java.util.List;

import dev.vgi.external.batch.AnnotatedBatch;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcContext;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;
import jakarta.validation.constraints.Max;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

/**
 * A protocol with a method for everything that can go right or wrong on a pipe.
 */
@RpcService(name = "Calc", version = "2.1.0")
interface CalcService {

	@RpcMethod("add")
	long add(long a, @Max(1000) long b);

	@RpcMethod("noisy")
	long noisy(long messages, boolean fails, RpcContext context);

	@RpcMethod("fail")
	void fail(String how);

	@RpcMethod("blob")
	byte[] blob(long size);

	@RpcMethod("length")
	long length(byte[] value);

	@RpcMethod("rows")
	long rows(AnnotatedBatch table);

	@RpcMethod("count")
	ProducerStream<Void> count(long n);

	@RpcMethod("described")
	ProducerStream<Header> described(long n, String how, RpcContext context);

	@RpcMethod("scale")
	ExchangeStream<Void> scale(long factor, String how, RpcContext context);

	@RpcMethod("keep")
	ExchangeStream<Void> keep(AnnotatedBatch first);

	@RpcMethod("wide")
	ExchangeStream<Void> wide(long columns);

	record Header(String title, List<Long> sizes) {

	}

	record Holder(@Nullable AnnotatedBatch batch, @Nullable VectorSchemaRoot root, Closing closing) {

	}

	/**
	 * Notices that it is closed.
	 */
	final class Closing implements AutoCloseable {

		int closed;

		@Override
		public void close() {
			this.closed++;
		}

	}

}
