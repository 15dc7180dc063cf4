// A TypeScript server with the methods of the conformance service that our client asks for. Prints PORT:<n>.
import { createServer } from "node:http";
import { Field, Int64, LargeUtf8, List } from "@query-farm/apache-arrow";
import { bytes, createHttpHandler, float, int, Protocol, str } from "@query-farm/vgi-rpc";
import { startStorage } from "./storage.mjs";

class ValueError extends Error {
  name = "ValueError";
}

const counter = { index: int, value: int };
const value = { value: float };
const header = { total_expected: int, description: str };
const probe = { produced: 0, exchanged: 0, cancelled: 0 };
const columns = (input) => Array.from({ length: input.numRows }, (_, row) => input.getChild("value").get(row));

const protocol = new Protocol("ConformanceService", { protocolVersion: "2.0.0" });
const unary = (name, params, result, handler) => protocol.unary(name, { params, result, handler });
unary("echo_string", { value: str }, { result: str }, ({ value }) => ({ result: value }));
unary("echo_int", { value: int }, { result: int }, ({ value }) => ({ result: value }));
unary("echo_bytes", { data: bytes }, { result: bytes }, ({ data }) => ({ result: data }));
unary("echo_large_string", { value: new LargeUtf8() }, { result: new LargeUtf8() }, ({ value }) => ({ result: value }));
unary("add_floats", { a: float, b: float }, { result: float }, ({ a, b }) => ({ result: a + b }));
unary("void_noop", {}, {}, () => ({}));
unary("raise_value_error", { message: str }, { result: str }, ({ message }) => {
  throw new ValueError(message);
});
unary("echo_with_info_log", { value: str }, { result: str }, ({ value }, context) => {
  context.clientLog("INFO", `info: ${value}`);
  return { result: value };
});
unary("reset_cancel_probe", {}, {}, () => {
  Object.assign(probe, { produced: 0, exchanged: 0, cancelled: 0 });
  return {};
});
const counters = new List(new Field("item", new Int64(), true));
unary("cancel_probe_counters", {}, { result: counters }, () => ({
  result: [BigInt(probe.produced), BigInt(probe.exchanged), BigInt(probe.cancelled)],
}));

const emit = (out, index) => out.emit({ index: [BigInt(index)], value: [BigInt(index * 10)] });
const counting = {
  params: { count: int },
  outputSchema: counter,
  init: ({ count }) => ({ count: Number(count), current: 0 }),
  produce: (state, out) => {
    if (state.current >= state.count) return out.finish();
    if (state.logs) out.clientLog("INFO", `producing batch ${state.current}`);
    emit(out, state.current++);
  },
};
protocol.producer("produce_n", counting);
protocol.producer("produce_empty", { ...counting, params: {}, init: () => ({ count: 0, current: 0 }) });
protocol.producer("produce_with_logs", { ...counting, init: ({ count }) => ({ count: Number(count), current: 0, logs: true }) });
protocol.producer("produce_with_header_and_logs", {
  ...counting,
  headerSchema: header,
  headerInit: ({ count }, _, context) => {
    context.clientLog("INFO", "stream init log");
    return { total_expected: count, description: `producing ${count} with logs` };
  },
});
protocol.producer("produce_error_on_init", {
  ...counting,
  params: {},
  init: () => {
    throw new Error("intentional init error");
  },
});
protocol.producer("produce_error_mid_stream", {
  params: { emit_before_error: int },
  outputSchema: counter,
  init: ({ emit_before_error }) => ({ limit: Number(emit_before_error), current: 0 }),
  produce: (state, out) => {
    if (state.current >= state.limit) throw new Error(`intentional error after ${state.limit} batches`);
    emit(out, state.current++);
  },
});
protocol.producer("produce_large_batches", {
  params: { rows_per_batch: int, batch_count: int },
  outputSchema: counter,
  init: ({ rows_per_batch, batch_count }) => ({ rows: Number(rows_per_batch), count: Number(batch_count), current: 0 }),
  produce: (state, out) => {
    if (state.current >= state.count) return out.finish();
    const index = Array.from({ length: state.rows }, (_, row) => BigInt(state.current * state.rows + row));
    out.emit({ index, value: index.map((each) => each * 10n) });
    state.current++;
  },
});
protocol.producer("cancellable_producer", {
  params: {},
  outputSchema: counter,
  init: () => ({ current: 0 }),
  produce: (state, out) => {
    probe.produced++;
    emit(out, state.current++);
  },
  onCancel: () => {
    probe.cancelled++;
  },
});

const scaling = {
  params: { factor: float },
  inputSchema: value,
  outputSchema: value,
  init: ({ factor }) => ({ factor }),
  exchange: (state, input, out) => out.emit({ value: columns(input).map((each) => each * state.factor) }),
};
protocol.exchange("exchange_scale", scaling);
protocol.exchange("exchange_with_header", {
  ...scaling,
  headerSchema: header,
  headerInit: ({ factor }) => ({ total_expected: 0n, description: `scale by ${factor}` }),
});
protocol.exchange("exchange_accumulate", {
  params: {},
  inputSchema: value,
  outputSchema: { running_sum: float, exchange_count: int },
  init: () => ({ sum: 0, count: 0 }),
  exchange: (state, input, out) => {
    state.sum += columns(input).reduce((sum, each) => sum + each, 0);
    state.count++;
    out.emit({ running_sum: [state.sum], exchange_count: [BigInt(state.count)] });
  },
});
protocol.exchange("exchange_zero_columns", {
  params: {},
  inputSchema: {},
  outputSchema: {},
  init: () => ({}),
  exchange: (_, __, out) => out.emit({}),
});
protocol.exchange("exchange_error_on_init", {
  ...scaling,
  params: {},
  init: () => {
    throw new Error("intentional exchange init error");
  },
});
protocol.exchange("exchange_error_on_nth", {
  params: { fail_on: int },
  inputSchema: value,
  outputSchema: value,
  init: ({ fail_on }) => ({ failOn: Number(fail_on), count: 0 }),
  exchange: (state, input, out) => {
    if (++state.count >= state.failOn) throw new Error(`intentional error on exchange ${state.count}`);
    out.emit({ value: columns(input) });
  },
});
protocol.exchange("cancellable_exchange", {
  params: {},
  inputSchema: value,
  outputSchema: value,
  init: () => ({}),
  exchange: (_, input, out) => {
    probe.exchanged++;
    out.emit({ value: columns(input) });
  },
  onCancel: () => {
    probe.cancelled++;
  },
});

const storage = await startStorage();
const handle = createHttpHandler(protocol, {
  externalLocation: { storage, externalizeThresholdBytes: 4096, urlValidator: null },
  uploadUrlProvider: storage,
  maxRequestBytes: 4096,
  maxUploadBytes: 64 << 20,
  serverId: "typescript",
});
const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    return; // the client has given up its request, for example by closing a stream that it was fetching ahead
  }
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD" && chunks.length > 0;
  const request = new Request(`http://127.0.0.1${incoming.url}`, {
    method: incoming.method,
    headers: Object.entries(incoming.headers).map(([name, text]) => [name, String(text)]),
    body: hasBody ? Buffer.concat(chunks) : undefined,
  });
  const response = await handle(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});
server.listen(0, "127.0.0.1", () => console.log(`PORT:${server.address().port}`));
