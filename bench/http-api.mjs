// An authenticated status read and a POST of 1,000 tokens, against the same by a bare Nest route; interleaved, medians.
// npm run build && node bench/http-api.mjs
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { enterEmbeddedPostgres } from '../dist/src/database/embedded-postgres.js';

const ROUNDS = 7;
const AT_ONCE = 4;
const here = import.meta.dirname;
const cwd = mkdtempSync(join(tmpdir(), 'http-api-'));
const server = await enterEmbeddedPostgres(join(cwd, 'postgres'));
const env = {
  ...process.env,
  PORT: '0',
  RUN_MODE: 'api',
  LOG_LEVEL: 'error',
  DATABASE_URL: await server.databaseUrl('bench'),
};
const cli = (...args) =>
  JSON.parse(execFileSync(process.execPath, [resolve(here, '../dist/src/cli.js'), ...args, '--json'], { cwd, env }));

const address = `0x${'ab'.repeat(20)}`;
const limits = ['--requests-per-second', '1000000', '--tokens-per-hour', '2000000000'];
const { project_id } = cli('project', 'create', '--name', 'Bench', '--owner', `0x${'cd'.repeat(20)}`, ...limits);
const { api_key } = cli('api-key', 'create', '--project', project_id);
const metadataUrl = ['--metadata-url', 'http://localhost:1/c'];
cli('collection', 'add', '--project', project_id, '--address', address, ...metadataUrl, '--tokens', '1-1000');
cli('refresh', '--collection', address, '--tokens', '1');

const processes = [];
async function start(file, ready) {
  const child = spawn(process.execPath, [file], {
    cwd,
    env: { ...env, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  return new Promise((done) =>
    child.stdout.on('data', (out) => ready.exec(String(out)) && done(ready.exec(String(out))[1])),
  );
}
const targets = {
  ours: await start(resolve(here, '../dist/src/main.js'), /"ready","url":"([^"]+)"/),
  bare: await start(resolve(here, 'bare-nest-route.mjs'), /(http\S+)/),
};

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const headers = { 'x-api-key': api_key, 'content-type': 'application/json' };
function ask(url, method, body) {
  return new Promise((done, fail) => {
    const sent = request(url, { method, agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } });
    sent.on('error', fail).on('response', (response) => {
      const chunks = [];
      response
        .on('data', (chunk) => chunks.push(chunk))
        .on('end', () => {
          if (response.statusCode >= 300) fail(new Error(`${response.statusCode} ${Buffer.concat(chunks)}`));
          else done(JSON.parse(Buffer.concat(chunks)));
        });
    });
    sent.end(body);
  });
}

async function measure(count, once) {
  const times = [];
  const startedAt = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next++ < count) {
        const from = performance.now();
        await once();
        times.push(performance.now() - from);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  times.sort((a, b) => a - b);
  return { perSecond: count / seconds, p50: times[Math.floor(count * 0.5)], p99: times[Math.floor(count * 0.99)] };
}

const token_ids = Array.from({ length: 1000 }, (_, id) => String(id + 1));
const post = JSON.stringify({ collection_address: address, token_ids });
const work = {
  'status read': async (url, ids) => measure(2000, () => ask(`${url}/v1/metadata-refreshes/${ids}`, 'GET', '')),
  'POST of 1,000 tokens': async (url) => measure(60, () => ask(`${url}/v1/metadata-refreshes`, 'POST', post)),
};
const { refresh_id } = await ask(`${targets.ours}/v1/metadata-refreshes`, 'POST', post);
const results = {};
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(work)) {
    for (const [target, url] of Object.entries(targets)) {
      const result = await run(url, refresh_id);
      if (round > 0) ((results[name] ??= {})[target] ??= []).push(result); // the first round warms up
    }
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
for (const [name, byTarget] of Object.entries(results)) {
  const of = (target, key) => median(byTarget[target].map((result) => result[key]));
  const line = (key, digits) =>
    `${key} ${of('ours', key).toFixed(digits)} : ${of('bare', key).toFixed(digits)} = ${(of('ours', key) / of('bare', key)).toFixed(2)} x`;
  process.stdout.write(
    `${name}, ours : bare\n  ${line('perSecond', 0)}\n  ${line('p50', 2)} ms\n  ${line('p99', 2)} ms\n`,
  );
}
agent.destroy();
for (const child of processes) child.kill('SIGTERM');
await Promise.all(processes.map((child) => new Promise((done) => child.once('exit', done))));
await server.leave();
rmSync(cwd, { recursive: true, force: true });
