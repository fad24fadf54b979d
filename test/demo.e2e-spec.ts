import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithTests } from './support/guardian.js';

const DEMO = fileURLToPath(new URL('../dist/src/demo/main.js', import.meta.url));

it('shows the main job and ends with status 0 when the outcome is the expected one', async () => {
  const child = endWithTests(spawn(process.execPath, [DEMO, '--once'], { env: { PATH: process.env['PATH'] } }));
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const status = await new Promise((done) => child.once('close', done));

  expect(out).toContain('490 succeeded, 12 failed');
  expect(out).toContain('The outcome is the expected one.');
  expect(status).toBe(0);
});
