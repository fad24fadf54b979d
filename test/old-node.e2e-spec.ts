import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One of the machine's own that is too old; otherwise ours, which claims to be. */
function anOldNode(): { command: string; args: string[] } {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const old = candidates.filter(existsSync).find((command) => {
    const [, major] = /^v(\d+)\./.exec(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout) ?? [];
    return Number(major) >= 18 && Number(major) < 22;
  });
  if (old) return { command: old, args: [] };
  const claim = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`;
  return { command: process.execPath, args: ['--import', `data:text/javascript,${encodeURIComponent(claim)}`] };
}

it.each([
  ['the service', 'main.js', 'npm start'],
  ['the command line', 'cli.js', 'npm run cli'],
])('%s that is started with an old Node.js says which version it needs, and what installs it', (_, program, script) => {
  const { command, args } = anOldNode();
  const path = fileURLToPath(new URL(`../dist/src/${program}`, import.meta.url));

  const { status, stdout, stderr } = spawnSync(command, [...args, path, '--help'], { encoding: 'utf8' });

  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(
    new RegExp(
      `^This is Node\\.js [0-9.]+, and the service needs Node\\.js 22\\.19 or newer\\. In a checkout, "${script}" brings its own\\.\\n$`,
    ),
  );
});
