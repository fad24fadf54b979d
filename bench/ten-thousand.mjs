// 10,000 tokens in ten requests through a running service's HTTP, as `npm start` runs it, against a metadata host at 0 ms.
// npm run build && node bench/ten-thousand.mjs
import { spawn, execFileSync } from 'node:child_process';
import { readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const dist = resolve(import.meta.dirname, '../dist/src');
const attributes = Array.from({ length: 8 }, (_, i) => ({ trait_type: `trait ${i}` }));
const server = createServer((request, response) => {
  const id = Number(request.url.split('/').at(-1));
  const traits = attributes.map((trait, i) => ({ ...trait, value: `value ${(id * 7 + i) % 97}` }));
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({
      name: `Token ${id}`,
      description: 'x'.repeat(300),
      image: `https://a.example/${id}.png`,
      attributes: traits,
    }),
  );
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const host = `127.0.0.1:${server.address().port}`;

const cwd = mkdtempSync(join(tmpdir(), 'ten-thousand-'));
const env = { ...process.env, PORT: '3977', FETCH_ALLOWED_HOSTS: host };
const cli = (...args) =>
  JSON.parse(execFileSync(process.execPath, [`${dist}/cli.js`, ...args, '--json'], { cwd, env }));
const service = spawn(process.execPath, [`${dist}/main.js`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
await new Promise((ready) => service.stdout.on('data', (line) => String(line).includes('"ready"') && ready()));

const address = `0x${'ab'.repeat(20)}`;
const { project_id: project } = cli(
  'project',
  'create',
  '--name',
  'Bench',
  '--owner',
  `0x${'cd'.repeat(20)}`,
  '--requests-per-second',
  '1000',
);
const { api_key: key } = cli('api-key', 'create', '--project', project);
cli(
  'collection',
  'add',
  '--project',
  project,
  '--address',
  address,
  '--metadata-url',
  `http://${host}/c`,
  '--tokens',
  '1-10000',
  '--requests-at-once',
  '64',
);
const api = (path, init) =>
  fetch(`http://127.0.0.1:3977/v1/metadata-refreshes${path}`, {
    ...init,
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
  });
const memory = () =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))[1]) / 1024);

for (const round of ['first fetch, traits new', 'again, nothing changed']) {
  const [startedAt, before] = [performance.now(), memory()];
  const ids = [];
  for (let from = 1; from <= 10_000; from += 1000) {
    const token_ids = Array.from({ length: 1000 }, (_, i) => String(from + i));
    const answer = await api('', { method: 'POST', body: JSON.stringify({ collection_address: address, token_ids }) });
    ids.push((await answer.json()).refresh_id);
  }
  let most = before;
  for (const id of ids) {
    for (;;) {
      most = Math.max(most, memory());
      const refresh = await (await api(`/${id}`)).json();
      if (refresh.status === 'completed') break;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(
    `${round}: ${Math.round(10_000 / seconds)} tokens/s, memory ${before} MB before, ${most} MB at most\n`,
  );
}
service.kill('SIGTERM');
await new Promise((done) => service.once('exit', done));
server.close();
rmSync(cwd, { recursive: true, force: true });
