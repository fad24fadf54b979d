import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from '@app/testing';

const DEMO = fileURLToPath(new URL('../dist/src/demo/main.js', import.meta.url));

it('the demonstration shows a whole reveal, and a listing page that follows a chain, and ends with status 0 when the outcome is the expected one', async () => {
  const child = reapOnExit(spawn(process.execPath, [DEMO, '--once'], { env: { PATH: process.env['PATH'] } }));
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const status = await new Promise((done) => child.once('close', done));

  expect(out).toContain('490 succeeded, 12 failed');
  expect(out).toContain('Verdicts: 490 updated, 12 failed.');
  expect(out).toMatch(/ {2}\d × status_404, for example token \d+\n {6}Your server has no document for these tokens: /);
  expect(out).toMatch(/What changed, for example in token 1:\n {2}fields .*attributes\n {2}traits {2}\+ /);
  expect(out).toMatch(/minted\. .*"Lightship, calm" after/);
  expect(out).toMatch(/MetadataUpdate\(1\)\. .*"Lightship, in a storm" after/);
  expect(out).toMatch(/Reorganisation: .*"Lightship, calm" after/);
  expect(out).toContain('The outcome is the expected one.');
  expect(status).toBe(0);
});

it('the demonstration prints its help and ends with --help', async () => {
  const child = reapOnExit(spawn(process.execPath, [DEMO, '--help'], { env: { PATH: process.env['PATH'] } }));
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  const [status] = (await once(child, 'close')) as [number];

  expect(out).toMatch(/^Usage: npm run demo.*--once {2}end after/s);
  expect(out).not.toContain('Starting');
  expect(status).toBe(0);
});

it('the demonstration stays up without --once, says where the documentation of the API is, and serves it there', async () => {
  const child = spawn(process.execPath, [DEMO], { env: { PATH: process.env['PATH'] } });
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const ended = once(child, 'close');
  await vi.waitUntil(() => out.includes('Read and try its API') || child.exitCode !== null, { timeout: 100_000 });

  const url = /Read and try its API at (\S+\/docs)/.exec(out)?.[1];
  const page = url && (await (await fetch(url)).text());
  child.kill('SIGINT');
  const [status] = (await ended) as [number];

  expect(out).toContain('/docs');
  expect(page).toContain('<title>NFT metadata refresh</title>');
  expect(status).toBe(130);
}, 120_000);
