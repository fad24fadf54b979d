// A minimal HTTP server for refresh requests: parses the JSON body and responds with 202 when `accept` resolves.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

export async function servePosts(accept) {
  const server = createServer((request, response) => {
    json(request)
      .then(accept)
      .then(
        () => response.writeHead(202).end(),
        (error) => response.writeHead(500).end(String(error?.stack ?? error)),
      );
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${server.address().port}`;
}
