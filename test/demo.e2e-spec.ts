import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from '@app/testing';

const DEMO = fileURLToPath(new URL('../dist/src/demo/main.js', import.meta.url));

/** A demonstration that has been started. */
interface Demo {
  process: ChildProcess;
  /** Standard output and standard error so far. */
  out(): string;
  status: Promise<number | null>;
}

function startDemo(...args: string[]): Demo {
  const child = reapOnExit(spawn(process.execPath, [DEMO, ...args], { env: { PATH: process.env['PATH'] } }));
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const status = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, out: () => out, status };
}

const untilShown = (demo: Demo, text: string) =>
  vi.waitUntil(() => demo.out().includes(text) || demo.process.exitCode !== null, { timeout: 100_000 });

// Both wait most of the time for hosts that hang, so they run together. The second one starts when the first one has its port.
let ending: Demo;
let staying: Demo;
beforeAll(async () => {
  ending = startDemo('--once');
  await untilShown(ending, 'First refresh');
  staying = startDemo();
}, 120_000);

it('the demonstration shows a whole reveal, and a listing page that follows a chain, and ends with status 0 when the outcome is the expected one', async () => {
  const status = await ending.status;
  const out = ending.out();

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
  const help = startDemo('--help');
  const status = await help.status;
  const out = help.out();

  expect(out).toMatch(/^Usage: npm run demo.*--once {2}end after/s);
  expect(out).not.toContain('Starting');
  expect(status).toBe(0);
});

it('the demonstration stays up without --once, says where the documentation of the API is, and serves it there', async () => {
  await untilShown(staying, 'Read and try its API');

  const url = /Read and try its API at (\S+\/docs)/.exec(staying.out())?.[1];
  const page = url && (await (await fetch(url)).text());
  staying.process.kill('SIGINT');
  const status = await staying.status;

  expect(staying.out()).toContain('/docs');
  expect(page).toContain('<title>NFT metadata refresh</title>');
  expect(status).toBe(130);
}, 120_000);
