// The TypeScript client against our conformance worker, which is given the storage of this process: a row per feature.
// Arguments: the worker's executable. Exits with 1 if a row fails.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { httpConnect, RpcError } from "@query-farm/vgi-rpc";
import { startStorage } from "./storage.mjs";

const [worker, ...flags] = process.argv.slice(2);
const LARGE = 100_000;

function require(condition, text) {
  if (!condition) throw new Error(text);
}

function requireEqual(actual, expected) {
  const text = (value) => JSON.stringify(value, (_, each) => (typeof each === "bigint" ? Number(each) : each));
  require(text(actual) === text(expected), `expected ${text(expected)} but got ${text(actual)}`);
}

async function requireError(action, type, text) {
  try {
    await action();
  } catch (error) {
    require(error instanceof RpcError, `must be an RpcError, not ${error}`);
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

function rows(client, logs, storage) {
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
      const before = storage.objects.size;
      const large = new Uint8Array(LARGE).fill(7);
      requireEqual((await client.call("echo_bytes", { data: large })).result.length, LARGE);
      require(storage.objects.size >= before + 2, "request and result must go through storage");
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
      const before = storage.objects.size;
      const batches = await drain(await client.stream("produce_large_batches", { rows_per_batch: 2000n, batch_count: 3n }));
      requireEqual(batches.length, 6000);
      requireEqual(storage.objects.size, before + 3);
    },
  };
}

const storage = await startStorage();
const process_ = spawn(worker, ["--port", "0", "--fake-storage", storage.base, "--externalize-threshold", "4096",
  "--max-request-bytes", "4096", "--max-upload-bytes", String(64 << 20), ...flags], { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => process_.kill());
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(143));
const port = await new Promise((found, failed) => {
  createInterface({ input: process_.stdout }).on("line", (line) => line.startsWith("PORT:") && found(line.slice(5)));
  process_.on("exit", (code) => failed(new Error(`the worker ended with code ${code}`)));
  setTimeout(() => failed(new Error("the worker named no port in 60 s")), 60_000).unref();
});

const name = `node ${process.versions.node}`;
let failures = 0;
for (const row of Object.keys(rows())) {
  const logs = [];
  const client = httpConnect(`http://127.0.0.1:${port}`, {
    protocol: "ConformanceService",
    externalLocation: { urlValidator: null },
    onLog: (message) => logs.push(message),
  });
  let verdict = "passed";
  try {
    await rows(client, logs, storage)[row]();
  } catch (error) {
    failures++;
    verdict = `FAILED: ${error.errorType ?? error.name}: ${error.errorMessage ?? error.message}`;
  } finally {
    client.close();
  }
  console.log(`${name.padEnd(14)} ${row.padEnd(16)} ${verdict}`);
}
console.log(`${name}: ${Object.keys(rows()).length - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
