// The rows in a page of another origin than the service's, and what only a browser meets. Each verdict is posted to
// where the page came from, as nobody looks at it.
import { tableFromIPC } from "@query-farm/apache-arrow";
import { httpConnect } from "@query-farm/vgi-rpc/connect";
import { require, requireEqual, rows, run } from "./rows.mjs";

const ARROW = "application/vnd.apache.arrow.stream";
const { service, compression } = Object.fromEntries(new URLSearchParams(location.search));
let objects = 0;

async function counted(url, init) {
  if (new URL(url).pathname.startsWith("/_vgi/objects/")) objects++;
  return fetch(url, init);
}

async function bytes(response) {
  return new Uint8Array(await response.arrayBuffer());
}

/** The URL of an object that a handler's result became. */
async function stored() {
  const response = await fetch(`${service}/numbers?rows=10000`, { headers: { "X-Request-ID": "page" } });
  require(response.ok && response.redirected, `must be redirected to the object: ${response.status}`);
  return { url: response.url, body: await bytes(response) };
}

function browserRows(client) {
  return {
    "other origins": async () => {
      // Else nothing here would have been looked at.
      const refused = await fetch(`http://localhost:${location.port}/`).then(() => false, () => true);
      require(refused, "this browser lets a page read everything");
    },
    capabilities: async () => {
      const found = await client.capabilities();
      require(found.acceptMaxResponseBytesSupport && found.uploadUrlSupport, "must be told");
      requireEqual([found.maxRequestBytes, found.maxUploadBytes], [4096, 64 << 20]);
    },
    handler: async () => {
      const table = tableFromIPC((await stored()).body);
      requireEqual([table.numRows, table.getChild("value").get(9999)], [10000, 9999]);
    },
    ranges: async () => {
      const { url, body } = await stored();
      const head = await fetch(url, { method: "HEAD" });
      const tag = head.headers.get("ETag");
      requireEqual([Number(head.headers.get("Content-Length")), head.headers.get("Accept-Ranges")], [body.length, "bytes"]);
      for (let first = 0; first < body.length; first += 30_000) {
        const last = Math.min(first + 30_000, body.length) - 1;
        const range = await fetch(url, { headers: { Range: `bytes=${first}-${last}`, "If-Match": tag } });
        requireEqual([range.status, range.headers.get("ETag")], [206, tag]);
        requireEqual(range.headers.get("Content-Range"), `bytes ${first}-${last}/${body.length}`);
        requireEqual([...(await bytes(range))], [...body.slice(first, last + 1)]);
      }
      const statuses = [{ "If-None-Match": tag }, { "If-Match": '"other"' }, { Range: `bytes=${body.length}-` }]
        .map(async (headers) => (await fetch(url, { headers })).status);
      requireEqual(await Promise.all(statuses), [304, 412, 416]);
    },
    "coded upload": async () => {
      const [pair] = await client.requestUploadUrls(1);
      const body = new TextEncoder().encode("0123456789".repeat(1000));
      const coded = await bytes(new Response(new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"))));
      const headers = { "Content-Type": ARROW, "Content-Encoding": "gzip" };
      requireEqual((await fetch(pair.uploadUrl, { method: "PUT", headers, body: coded })).status, 204);
      const found = await bytes(await fetch(pair.downloadUrl));
      requireEqual([...found], [...body]);
    },
    refusals: async () => {
      // A status that a page may not read is a network error to it.
      const post = async (headers, body) =>
        (await fetch(`${service}/echo_string`, { method: "POST", headers: { "Content-Type": ARROW, ...headers }, body })).status;
      requireEqual(await post({}, new Uint8Array(100_000)), 413);
      requireEqual(await post({ "Content-Encoding": "br" }, new Uint8Array(8)), 415);
      requireEqual((await fetch(`${service}/_vgi/objects/unknown`)).status, 403);
    },
  };
}

async function report(path, value) {
  await fetch(path, { method: "POST", body: JSON.stringify(value) });
}

function connected(action) {
  const logs = [];
  const client = httpConnect(service, {
    protocol: "ConformanceService",
    fetch: counted,
    externalLocation: { urlValidator: null },
    onLog: (message) => logs.push(message),
  });
  return action(client, logs);
}

const all = (client, logs) => ({ ...browserRows(client), ...rows(client, logs, () => objects) });
// Ranges count bytes that a page does not see of a compressed object.
const left = compression === "none" ? [] : ["ranges"];
for (const row of Object.keys(all()).filter((each) => !left.includes(each))) {
  await report("/row", { row, verdict: await run(connected(all)[row]) });
}
await report("/end", {});
