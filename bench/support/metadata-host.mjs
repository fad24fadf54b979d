// A metadata host in its own process: GET /<latency in ms>/<small|large>/…/<token id>. It uses raw sockets to leave the CPU to the
// measured processes. Every response has an ETag.
//   GET /serve/<revision>/<200|304>  from now on, documents of this revision; with 304 for a matching If-None-Match
//   GET /counts                      the maximum of concurrent requests and the number of 304, which it resets
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

/** With each revision, another description and another value of one trait in eight. */
function documentOf({ attributes, words }, id, revision) {
  const from = ((id + (revision - 1) * 977) * 31) % (TEXT.length - words);
  const traitId = (at) => (revision > 1 && at % 8 === revision % 8 ? id + revision * 131 : id);
  return JSON.stringify({
    name: `Token #${id}`,
    description: TEXT.slice(from, from + words).join(' '),
    image: `https://images.example.com/collection/full/${id}.png`,
    external_url: `https://example.com/tokens/${id}`,
    background_color: 'ffffff',
    attributes: Array.from({ length: attributes }, (_, at) => ({
      trait_type: `trait number ${at}`,
      value: `value number ${traitValue(traitId(at), at)}`,
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
  let notModified = 0;
  let revision = 1;
  let isConditional = false;

  const bodyOf = (path) => {
    if (path[1] === 'serve') {
      revision = Number(path[2]);
      isConditional = path[3] === '304';
      return '{}';
    }
    if (path[1] !== 'counts') return documentOf(DOCUMENTS[path[2]], Number(path.at(-1)), revision);
    const text = JSON.stringify({ maxConcurrent: maxWaiting, notModified });
    maxWaiting = notModified = 0;
    return text;
  };
  const respond = (socket, path, request) => {
    if (!socket.writable) return;
    const etag = `ETag: "${revision}-${path.at(-1)}"`;
    if (isConditional && /^if-none-match: (.*)$/im.exec(request)?.[1] === etag.slice('ETag: '.length)) {
      notModified += 1;
      socket.write(`HTTP/1.1 304 Not Modified\r\n${etag}\r\n\r\n`);
      return;
    }
    const body = bodyOf(path);
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${etag}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  };
  const server = createServer({ noDelay: true }, (socket) => {
    let head = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      head += chunk.latin1Slice();
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        const request = head.slice(0, end);
        const path = request.slice(0, request.indexOf(' HTTP/')).split('/');
        head = head.slice(end + 4);
        const latency = Number(path[1]) || 0;
        if (latency === 0) {
          respond(socket, path, request);
          continue;
        }
        waiting += 1;
        maxWaiting = Math.max(maxWaiting, waiting);
        setTimeout(() => {
          waiting -= 1;
          respond(socket, path, request);
        }, latency);
      }
    });
  });
  server.listen(0, '127.0.0.1', 4096, () => reportReady(`http://127.0.0.1:${server.address().port}`));
  process.on('SIGTERM', () => process.exit(0));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve();
