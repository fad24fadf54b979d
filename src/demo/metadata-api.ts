import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sampleAnswer } from './sample-collection.js';

export interface DemoMetadataApi {
  /** A token's metadata is at this, a slash, and its id. */
  url: string;
  /** As FETCH_ALLOWED_HOSTS takes it. */
  host: string;
  reveal(): void;
  close(): Promise<void>;
}

/** A studio's Metadata API with 500 lighthouses. */
export async function startMetadataApi(): Promise<DemoMetadataApi> {
  let isRevealed = false;
  const attempts = new Map<number, number>();
  const server = createServer((request, response) => {
    const id = Number(request.url?.split('/').at(-1));
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    answer(response, id, attempt, isRevealed);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}/lighthouses`,
    host,
    reveal() {
      isRevealed = true;
      attempts.clear();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function answer(response: ServerResponse, id: number, attempt: number, isRevealed: boolean): void {
  const sample = sampleAnswer(id, isRevealed);
  switch (sample.kind) {
    case 'too slow':
      return; // the connection stays open and silent
    case 'status':
      return void response.writeHead(sample.status, { 'content-type': 'text/plain' }).end(sample.body);
    case 'text':
      return void response.writeHead(200, { 'content-type': 'text/html' }).end(sample.body);
    case '503 twice':
      if (attempt <= 2) return void response.writeHead(503, { 'content-type': 'text/plain' }).end('warming up');
      return sendJson(response, sample.body);
    case 'document':
      return sendJson(response, sample.body);
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
