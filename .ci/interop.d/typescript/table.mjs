// Reads an Arrow stream from a file, and prints how many rows it has and the last one. Exits with 1 if it breaks off.
import { readFileSync } from "node:fs";
import { tableFromIPC } from "@query-farm/apache-arrow";

const table = tableFromIPC(readFileSync(process.argv[2]));
const { number, text, batch } = table.get(table.numRows - 1);
console.log([table.numRows, number, text, batch].join());
