// A metadata host in its own process: GET /<latency in ms>/<small|large>/…/<token id>. It uses raw sockets to leave the CPU to the
// measured processes. `GET /max-concurrent` returns the maximum of concurrent requests and resets it.
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Program, reportReady } from './processes.mjs';

export const DOCUMENTS = {
  small: { label: '1 KB', attributes: 8, words: 36 },
  large: { label: '8 KB', attributes: 20, words: 950 },
};

export function startMetadataHost() {
  return Program.start(fileURLToPath(import.meta.url));
}

/** Hardly compressible text: pseudo-random words. */
const WORDS =
  'amber basin cedar drift ember fjord grove harbor island juniper kestrel lantern meadow north opal prairie quartz river summit timber'.split(
    ' ',
  );
const TEXT = Array.from({ length: 4000 }, (_, at) => WORDS[(at * at * 7 + at * 13 + (at >> 3)) % WORDS.length]);

function documentOf({ attributes, words }, id) {
  const from = (id * 31) % (TEXT.length - words);
  return JSON.stringify({
    name: `Token #${id}`,
    description: TEXT.slice(from, from + words).join(' '),
    image: `https://images.example.com/collection/full/${id}.png`,
    external_url: `https://example.com/tokens/${id}`,
    background_color: 'ffffff',
    attributes: Array.from({ length: attributes }, (_, at) => ({
      trait_type: `trait number ${at}`,
      value: `value number ${traitValue(id, at)}`,
    })),
  });
}

/** Realistic traits: 5 to 40 values each, a few common and most rare. */
function traitValue(id, at) {
  const values = 5 + ((at * 7) % 36);
  const chance = ((Math.imul(id * 20 + at + 1, 2_654_435_761) >>> 0) / 2 ** 32) ** 2;
  return Math.floor(chance * values);
}

function serve() {
  let waiting = 0;
  let maxWaiting = 0;

  const bodyOf = (path) => {
    if (path[1] !== 'max-concurrent') return documentOf(DOCUMENTS[path[2]], Number(path.at(-1)));
    const text = JSON.stringify({ maxConcurrent: maxWaiting });
    maxWaiting = 0;
    return text;
  };
  const respond = (socket, path) => {
    const body = bodyOf(path);
    if (!socket.writable) return;
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  };
  const server = createServer({ noDelay: true }, (socket) => {
    let head = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      head += chunk.latin1Slice();
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        const path = head.slice(0, head.indexOf(' HTTP/')).split('/');
        head = head.slice(end + 4);
        const latency = Number(path[1]) || 0;
        if (latency === 0) {
          respond(socket, path);
          continue;
        }
        waiting += 1;
        maxWaiting = Math.max(maxWaiting, waiting);
        setTimeout(() => {
          waiting -= 1;
          respond(socket, path);
        }, latency);
      }
    });
  });
  server.listen(0, '127.0.0.1', 4096, () => reportReady(`http://127.0.0.1:${server.address().port}`));
  process.on('SIGTERM', () => process.exit(0));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve();
