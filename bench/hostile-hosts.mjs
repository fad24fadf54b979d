// What hostile metadata hosts cost the worker: memory growth and event-loop delay while every behaviour runs, many times.
// npm run build && node bench/hostile-hosts.mjs
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { prepareBombs } from '../dist/test/support/host-behaviours.js';
import { MetadataHost } from '../dist/test/support/metadata-host.js';

const TOKENS = 5;
const dist = resolve(import.meta.dirname, '../dist/src');
prepareBombs();
const host = await MetadataHost.start();
const cwd = mkdtempSync(join(tmpdir(), 'hostile-hosts-'));
const env = { ...process.env, PORT: '3978', FETCH_ALLOWED_HOSTS: host.host };
const cli = (...args) =>
  JSON.parse(execFileSync(process.execPath, [`${dist}/cli.js`, ...args, '--json'], { cwd, env }));
const service = spawn(process.execPath, [`${dist}/main.js`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
await new Promise((ready) => service.stdout.on('data', (line) => String(line).includes('"ready"') && ready()));
const { project_id } = cli(
  'project',
  'create',
  '--name',
  'B',
  '--owner',
  `0x${'cd'.repeat(20)}`,
  '--requests-per-second',
  '1000',
);
const { api_key } = cli('api-key', 'create', '--project', project_id);

let address = 0n;
async function refresh(path) {
  address += 1n;
  const collection_address = `0x${address.toString(16).padStart(40, '0')}`;
  const metadataUrl = `${host.url}${path}`;
  cli(
    'collection',
    'add',
    '--project',
    project_id,
    '--address',
    collection_address,
    '--metadata-url',
    metadataUrl,
    '--tokens',
    `1-${TOKENS}`,
  );
  return async () => {
    const token_ids = Array.from({ length: TOKENS }, (_, id) => String(id + 1));
    const headers = { 'x-api-key': api_key, 'content-type': 'application/json', connection: 'close' };
    const url = 'http://127.0.0.1:3978/v1/metadata-refreshes';
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ collection_address, token_ids }),
    });
    const { refresh_id } = await answer.json();
    for (;;) {
      const { status } = await (await fetch(`${url}/${refresh_id}`, { headers })).json();
      if (status === 'completed') return;
      await new Promise((done) => setTimeout(done, 100));
    }
  };
}

const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))[1]) / 1024;
const p99 = async () => {
  const text = await (await fetch('http://127.0.0.1:3978/metrics', { headers: { connection: 'close' } })).text();
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(text)[1]) * 1000;
};

const well = await refresh('/answers-well');
for (let count = 0; count < 40; count += 1) await well(); // warm
const hostile = [];
for (const path of MetadataHost.paths()) hostile.push(await refresh(path));

for (const round of [1, 2, 3]) {
  await p99(); // begins a new interval
  const before = rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, rss())), 20);
  const startedAt = performance.now();
  await Promise.all(hostile.map((run) => run()));
  clearInterval(watch);
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(
    `round ${round}: ${hostile.length * TOKENS} tokens in ${seconds.toFixed(1)} s, memory ${before.toFixed(0)} MB + ${(most - before).toFixed(0)} MB, event-loop delay p99 ${(await p99()).toFixed(1)} ms\n`,
  );
}
service.kill('SIGTERM');
await new Promise((done) => service.once('exit', done));
await host.close();
rmSync(cwd, { recursive: true, force: true });
