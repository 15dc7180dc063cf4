// What the TypeScript client does with our worker, a row per feature: on Node and in a page. Objects go to storage from
// 4 KB on, in both directions.
const LARGE = 100_000;

export function require(condition, text) {
  if (!condition) throw new Error(text);
}

export function requireEqual(actual, expected) {
  const text = (value) => JSON.stringify(value, (_, each) => (typeof each === "bigint" ? Number(each) : each));
  require(text(actual) === text(expected), `expected ${text(expected)} but got ${text(actual)}`);
}

async function requireError(action, type, text) {
  try {
    await action();
  } catch (error) {
    require(error.errorType !== undefined, `must be an RpcError, not ${error}`);
    requireEqual(error.errorType, type);
    require(error.errorMessage.includes(text), `must say '${text}', not '${error.errorMessage}'`);
    return;
  }
  throw new Error(`must fail with '${text}'`);
}

async function drain(stream) {
  const rows = [];
  for await (const batch of stream) rows.push(...batch);
  return rows;
}

const values = (rows) => rows.map((row) => row.value);

/**
 * @param client the client
 * @param logs what the client was told of the service's log messages
 * @param objects tells how many objects were stored or fetched until now
 */
export function rows(client, logs, objects) {
  return {
    unary: async () => {
      requireEqual(await client.call("echo_string", { value: "grüße" }), { result: "grüße" });
      requireEqual(await client.call("add_floats", { a: 1.5, b: 2.25 }), { result: 3.75 });
      await client.call("void_noop", {});
    },
    logs: async () => {
      requireEqual(await client.call("echo_with_info_log", { value: "x" }), { result: "x" });
      requireEqual(logs.map((log) => log.message), ["info: x"]);
    },
    producer: async () => {
      requireEqual(values(await drain(await client.stream("produce_n", { count: 5n }))), [0, 10, 20, 30, 40]);
      requireEqual(await drain(await client.stream("produce_empty", {})), []);
    },
    header: async () => {
      const stream = await client.stream("produce_with_header", { count: 2n });
      requireEqual(stream.header, { total_expected: 2, description: "producing 2 batches" });
      requireEqual(values(await drain(stream)), [0, 10]);
      const exchange = await client.stream("exchange_with_header", { factor: 3 });
      requireEqual(Number(exchange.header.total_expected), 0);
      requireEqual(values(await exchange.exchange([{ value: 1 }])), [3]);
    },
    exchange: async () => {
      const stream = await client.stream("exchange_scale", { factor: 2.5 });
      requireEqual(values(await stream.exchange([{ value: 1.5 }, { value: 2 }])), [3.75, 5]);
      requireEqual(values(await stream.exchange([{ value: 4.5 }])), [11.25]);
      stream.close();
    },
    cancel: async () => {
      await client.call("reset_cancel_probe", {});
      const stream = await client.stream("cancellable_producer", {});
      await stream[Symbol.asyncIterator]().next();
      // The client's own cancel, where it has one: closing sends nothing.
      require(typeof stream.cancel === "function", "this client has no cancel");
      await stream.cancel();
      const { result } = await client.call("cancel_probe_counters", {});
      requireEqual(Number([...result][2]), 1);
    },
    errors: async () => {
      await requireError(() => client.call("raise_value_error", { message: "boom" }), "ValueError", "boom");
      await requireError(async () => drain(await client.stream("produce_error_on_init", {})), "RuntimeError", "init error");
      const failing = async () => drain(await client.stream("produce_error_mid_stream", { emit_before_error: 2n }));
      await requireError(failing, "RuntimeError", "intentional error after 2 batches");
      const stream = await client.stream("exchange_error_on_nth", { fail_on: 1n });
      await requireError(() => stream.exchange([{ value: 1.5 }]), "RuntimeError", "intentional error on exchange 1");
      requireEqual(await client.call("add_floats", { a: 1, b: 2 }), { result: 3 });
    },
    "large inputs": async () => {
      const before = objects();
      const large = new Uint8Array(LARGE).fill(7);
      requireEqual((await client.call("echo_bytes", { data: large })).result.length, LARGE);
      require(objects() >= before + 2, "request and result must go through storage");
      const stream = await client.stream("exchange_scale", { factor: 2 });
      for (let turn = 0; turn < 2; turn++) {
        const answer = await stream.exchange(Array.from({ length: 2000 }, (_, index) => ({ value: index + 0.5 })));
        requireEqual(answer.length, 2000);
        requireEqual(answer[1999].value, 3999);
      }
    },
    "large outputs": async () => {
      const large = "x".repeat(LARGE);
      require((await client.call("echo_large_string", { value: large })).result === large, "must come back");
      const before = objects();
      const batches = await drain(await client.stream("produce_large_batches", { rows_per_batch: 2000n, batch_count: 3n }));
      requireEqual(batches.length, 6000);
      requireEqual(objects(), before + 3);
    },
  };
}

/** Run one row. Return its verdict. */
export async function run(row) {
  try {
    await row();
    return "passed";
  } catch (error) {
    return `FAILED: ${error.errorType ?? error.name}: ${error.errorMessage ?? error.message}`;
  }
}
