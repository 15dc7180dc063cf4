// Opens the page of page.mjs in a Chromium, with our conformance worker on another origin and its local store as storage:
// a row per feature. Arguments: the worker's executable, the Chromium, the bundled script, the run's folder, how results
// are compressed. Exits with 1 if a row fails.
import { spawn } from "node:child_process";
import { createReadStream, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { startWorker } from "./worker.mjs";

const [worker, chromium, script, folder, compression] = process.argv.slice(2);
const name = `chromium ${compression}`;
const log = `${folder}/chromium-${compression}.log`;
let passed = 0;
let failed = 0;

async function text(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}

function end(reason) {
  if (reason) console.log(`${name}: ${reason}`);
  if (reason || failed) {
    // What a page is not told: why its request was blocked. No query is shown, as objects' are signed.
    const lines = readFileSync(log, "utf8").replace(/\?[^\s'"]*/g, "").split("\n");
    console.log(lines.filter((line) => /CONSOLE|FATAL/.test(line)).slice(-20).join("\n"));
  }
  console.log(`${name}: ${passed} passed, ${failed} failed`);
  process.exit(reason || failed || !passed ? 1 : 0);
}

const pages = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://page");
  if (request.method === "POST") {
    const { row, verdict } = JSON.parse(await text(request));
    response.writeHead(204).end();
    if (pathname === "/end") return end();
    if (verdict === "passed") passed++;
    else failed++;
    console.log(`${name.padEnd(14)} ${row.padEnd(16)} ${verdict}`);
  } else if (pathname === "/page.js") {
    createReadStream(script).pipe(response.writeHead(200, { "content-type": "text/javascript" }));
  } else {
    response.writeHead(200, { "content-type": "text/html" }).end('<!doctype html><script type="module" src="/page.js"></script>');
  }
});
await new Promise((listening) => pages.listen(0, "127.0.0.1", listening));
const origin = `http://127.0.0.1:${pages.address().port}`;

const port = await startWorker(worker, ["--storage", "local", "--cors", "--page-origin", origin, "--externalize-threshold",
  "4096", "--max-request-bytes", "4096", "--max-upload-bytes", String(64 << 20), "--compression", compression]);

const browser = spawn(chromium, [
  "--headless=new",
  ...(process.getuid() === 0 ? ["--no-sandbox"] : []), // Chromium's own sandbox refuses root
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", // calls nobody else
  `--user-data-dir=${folder}/chromium`,
  "--enable-logging=stderr",
  `${origin}/?${new URLSearchParams({ service: `http://127.0.0.1:${port}`, compression })}`,
], { detached: true, env: { ...process.env, TMPDIR: folder }, stdio: ["ignore", "ignore", openSync(log, "w")] });
writeFileSync(`${folder}/pids/${browser.pid}`, ""); // the script ends what this process could not
browser.on("error", (error) => end(error.message));
browser.on("exit", (code) => end(`Chromium ended with code ${code}`));
process.on("exit", () => {
  try {
    process.kill(-browser.pid, "SIGKILL");
  } catch {
    // gone already
  }
});
setTimeout(() => end("the page did not come to its end in 60 s"), 60_000).unref();
