// The TypeScript client reads the flights of the sample application page by page. Argument: where the service is.
import { httpConnect } from "@query-farm/vgi-rpc";

const [base] = process.argv.slice(2);
// No URL policy: the local store of the service under test is on loopback.
const client = httpConnect(base, { externalLocation: { urlValidator: null } });
let failed = 0;

async function check(name, action) {
  const begun = Date.now();
  try {
    console.log(`flights typescript ${name}: ok: ${await action()}, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (error) {
    failed += 1;
    console.log(`flights typescript ${name}: FAILED: ${error}`);
  }
}

async function read(parameters) {
  const stream = await client.stream("stream_flights", parameters);
  let rows = 0;
  let delay = 0;
  for await (const page of stream) {
    rows += page.length;
    for (const flight of page) delay += Number(flight.delay);
  }
  const announced = Number(stream.header.flights);
  if (rows !== announced) throw new Error(`${rows} rows, but the header says ${announced}`);
  return { rows, delay };
}

await check("route", async () => {
  const { rows } = await read({ origin: "LAX", destination: "LAS" });
  if (rows !== 8323) throw new Error(`${rows} rows`);
  return `${rows} rows`;
});
await check("all", async () => {
  const { rows, delay } = await read({ origin: null, destination: null });
  if (rows !== 3_000_000) throw new Error(`${rows} rows`);
  return `${rows} rows, ${(delay / rows).toFixed(2)} minutes late on average`;
});
client.close?.();
process.exit(failed ? 1 : 0);
