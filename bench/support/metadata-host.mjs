// A metadata host in a process of its own: GET /<latency in ms>/<small|large>/…/<token id>. On raw sockets, so that it takes
// little of the machine that it shares with what is measured. `GET /most-at-once` tells and forgets the most requests
// that waited at once.
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Program, sayReady } from './processes.mjs';

export const DOCUMENTS = {
  small: { label: '1 KB', attributes: 8, words: 36 },
  large: { label: '8 KB', attributes: 20, words: 950 },
};

export function startMetadataHost() {
  return Program.start(fileURLToPath(import.meta.url));
}

/** Text that a database cannot compress to nothing: words in an order that repeats only after all of it. */
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

/** As collections have them: 5 to 40 values of a trait, a few of them common and most of them rare. */
function traitValue(id, at) {
  const values = 5 + ((at * 7) % 36);
  const chance = ((Math.imul(id * 20 + at + 1, 2_654_435_761) >>> 0) / 2 ** 32) ** 2;
  return Math.floor(chance * values);
}

function serve() {
  let waiting = 0;
  let mostWaiting = 0;

  const answer = (path) => {
    if (path[1] !== 'most-at-once') return documentOf(DOCUMENTS[path[2]], Number(path.at(-1)));
    const text = JSON.stringify({ maxConcurrent: mostWaiting });
    mostWaiting = 0;
    return text;
  };
  const respond = (socket, path) => {
    const body = answer(path);
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
        mostWaiting = Math.max(mostWaiting, waiting);
        setTimeout(() => {
          waiting -= 1;
          respond(socket, path);
        }, latency);
      }
    });
  });
  server.listen(0, '127.0.0.1', 4096, () => sayReady(`http://127.0.0.1:${server.address().port}`));
  process.on('SIGTERM', () => process.exit(0));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve();
