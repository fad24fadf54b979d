import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { reapOnExit } from '@app/testing';
import { createReadableFolder } from '../support/embedded-process.js';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

// Ctrl-C reaches every process of the terminal's group, as a negative process id does; what CI sends reaches only vitest.
it.each([
  { signal: 'SIGINT', reaches: 'all of its processes' },
  { signal: 'SIGTERM', reaches: 'only itself' },
  { signal: 'SIGKILL', reaches: 'only itself' },
] as const)(
  'a test run ended by a $signal that reaches $reaches leaves no process and no folder',
  async ({ signal, reaches }) => {
    const folder = await createReadableFolder();
    const config = path('../support/interrupted/vitest.config.ts');
    const run = spawn(process.execPath, [path('../../node_modules/vitest/vitest.mjs'), 'run', '--config', config], {
      env: { PATH: process.env['PATH'], TMPDIR: folder },
      detached: true,
    });
    reapOnExit(run);
    let output = '';
    run.stdout.on('data', (chunk) => (output += String(chunk)));
    run.stderr.on('data', (chunk) => (output += String(chunk)));
    await vi.waitUntil(() => output.includes('waiting\n') || run.exitCode !== null, { timeout: 60_000 });
    expect(output).toContain('waiting\n');
    expect(await processesOf(folder)).not.toEqual([]);

    const exited = once(run, 'exit');
    process.kill(reaches === 'only itself' ? run.pid! : -run.pid!, signal);
    await exited;

    await expect.poll(() => processesOf(folder), { timeout: 30_000 }).toEqual([]);
    await expect
      .poll(async () => (await readdir(folder)).filter((name) => name.startsWith('nft-refresh-')))
      .toEqual([]);
    await rm(folder, { recursive: true, force: true });
  },
);

/** The command lines in which the folder is named: of the server, and of the process that the test started. */
async function processesOf(folder: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'command=']);
  return stdout.split('\n').filter((line) => line.includes(folder));
}
