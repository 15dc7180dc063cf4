package dev.vgi.external.conformance;

import dev.vgi.external.conformance.ConformanceTypes.ConformanceHeader;
import dev.vgi.external.conformance.ConformanceTypes.RichHeader;
import dev.vgi.external.rpc.ExchangeStream;
import dev.vgi.external.rpc.ProducerStream;
import dev.vgi.external.rpc.RpcMethod;
import dev.vgi.external.rpc.RpcService;

/**
 * The streams of the reference's conformance service.
 */
@RpcService(name = "ConformanceService", version = "2.0.0")
public interface ConformanceStreams {

	@RpcMethod("produce_n")
	ProducerStream<Void> produceN(long count);

	@RpcMethod("produce_tick_metadata")
	ProducerStream<Void> produceTickMetadata(long count);

	@RpcMethod("produce_empty")
	ProducerStream<Void> produceEmpty();

	@RpcMethod("produce_single")
	ProducerStream<Void> produceSingle();

	@RpcMethod("produce_large_batches")
	ProducerStream<Void> produceLargeBatches(long rowsPerBatch, long batchCount);

	@RpcMethod("produce_with_logs")
	ProducerStream<Void> produceWithLogs(long count);

	@RpcMethod("produce_error_mid_stream")
	ProducerStream<Void> produceErrorMidStream(long emitBeforeError);

	@RpcMethod("produce_error_on_init")
	ProducerStream<Void> produceErrorOnInit();

	@RpcMethod("produce_oversized_batch")
	ProducerStream<Void> produceOversizedBatch(long rowsPerBatch);

	@RpcMethod("produce_with_header")
	ProducerStream<ConformanceHeader> produceWithHeader(long count);

	@RpcMethod("produce_with_header_and_logs")
	ProducerStream<ConformanceHeader> produceWithHeaderAndLogs(long count);

	@RpcMethod("exchange_scale")
	ExchangeStream<Void> exchangeScale(double factor);

	@RpcMethod("exchange_accumulate")
	ExchangeStream<Void> exchangeAccumulate();

	@RpcMethod("exchange_with_logs")
	ExchangeStream<Void> exchangeWithLogs();

	@RpcMethod("exchange_zero_columns")
	ExchangeStream<Void> exchangeZeroColumns();

	@RpcMethod("exchange_error_on_nth")
	ExchangeStream<Void> exchangeErrorOnNth(long failOn);

	@RpcMethod("exchange_cast_compatible")
	ExchangeStream<Void> exchangeCastCompatible();

	@RpcMethod("exchange_error_on_init")
	ExchangeStream<Void> exchangeErrorOnInit();

	@RpcMethod("exchange_oversized")
	ExchangeStream<Void> exchangeOversized(long rowsPerBatch);

	@RpcMethod("exchange_with_header")
	ExchangeStream<ConformanceHeader> exchangeWithHeader(double factor);

	@RpcMethod("cancellable_producer")
	ProducerStream<Void> cancellableProducer();

	@RpcMethod("cancellable_exchange")
	ExchangeStream<Void> cancellableExchange();

	@RpcMethod("produce_with_rich_header")
	ProducerStream<RichHeader> produceWithRichHeader(long seed, long count);

	@RpcMethod("produce_dynamic_schema")
	ProducerStream<RichHeader> produceDynamicSchema(long seed, long count, boolean includeStrings,
			boolean includeFloats);

	@RpcMethod("exchange_with_rich_header")
	ExchangeStream<RichHeader> exchangeWithRichHeader(long seed, double factor);

	@RpcMethod("stream_session_counter")
	ProducerStream<Void> streamSessionCounter(long count);

	@RpcMethod("exchange_session_counter")
	ExchangeStream<Void> exchangeSessionCounter();

}
