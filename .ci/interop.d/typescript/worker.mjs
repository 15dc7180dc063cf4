// Our conformance worker as a process of this one.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Start a worker with flags and return its port. It ends with this process. */
export async function startWorker(executable, flags) {
  const worker = spawn(executable, ["--port", "0", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => worker.kill());
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(143));
  return new Promise((found, failed) => {
    createInterface({ input: worker.stdout }).on("line", (line) => line.startsWith("PORT:") && found(line.slice(5)));
    worker.on("exit", (code) => failed(new Error(`the worker ended with code ${code}`)));
    setTimeout(() => failed(new Error("the worker named no port in 60 s")), 60_000).unref();
  });
}
