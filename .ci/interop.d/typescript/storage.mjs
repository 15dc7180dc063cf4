// In-memory storage on loopback: for this process an external storage and a provider of upload URLs, for our worker
// what the suite's own storage is (POST /alloc).
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

export async function startStorage() {
  const objects = new Map();
  let base;
  const server = createServer(async (request, response) => {
    if (request.method === "POST" && request.url === "/alloc") {
      request.resume();
      const url = `${base}/${randomUUID()}`;
      const body = JSON.stringify({ object_url: url, upload_url: url, download_url: url });
      response.writeHead(200, { "content-type": "application/json" }).end(body);
      return;
    }
    if (request.method === "PUT") {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      objects.set(request.url, { body: Buffer.concat(chunks), coding: request.headers["content-encoding"] });
      response.writeHead(204).end();
      return;
    }
    const object = objects.get(request.url);
    if (!object) {
      response.writeHead(404).end();
      return;
    }
    const headers = { "content-length": object.body.length };
    if (object.coding) headers["content-encoding"] = object.coding;
    response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : object.body);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  base = `http://127.0.0.1:${server.address().port}`;
  return {
    base,
    objects,
    close: () => server.close(),
    async upload(data, contentEncoding) {
      const path = `/${randomUUID()}`;
      objects.set(path, { body: Buffer.from(data), coding: contentEncoding || undefined });
      return base + path;
    },
    generateUploadUrl() {
      const url = `${base}/${randomUUID()}`;
      return { uploadUrl: url, downloadUrl: url, expiresAt: new Date(Date.now() + 600_000) };
    },
  };
}
