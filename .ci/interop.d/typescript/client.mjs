// The TypeScript client against our conformance worker, which is given the storage of this process: a row per feature.
// Arguments: the worker's executable. Exits with 1 if a row fails.
import { httpConnect } from "@query-farm/vgi-rpc";
import { rows, run } from "./rows.mjs";
import { startStorage } from "./storage.mjs";
import { startWorker } from "./worker.mjs";

const [worker, ...flags] = process.argv.slice(2);
const storage = await startStorage();
const port = await startWorker(worker, ["--fake-storage", storage.base, "--externalize-threshold", "4096",
  "--max-request-bytes", "4096", "--max-upload-bytes", String(64 << 20), ...flags]);

const name = `node ${process.versions.node}`;
let failures = 0;
for (const row of Object.keys(rows())) {
  const logs = [];
  const client = httpConnect(`http://127.0.0.1:${port}`, {
    protocol: "ConformanceService",
    externalLocation: { urlValidator: null },
    onLog: (message) => logs.push(message),
  });
  const verdict = await run(rows(client, logs, () => storage.objects.size)[row]);
  client.close();
  if (verdict !== "passed") failures++;
  console.log(`${name.padEnd(14)} ${row.padEnd(16)} ${verdict}`);
}
console.log(`${name}: ${Object.keys(rows()).length - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
