import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../src/run-cli.mjs', import.meta.url));

let root: string;

/** A checkout in miniature. Its compiler takes a moment, notes that it was there, and copies the one source. Its bundler writes a file. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'run-cli-'));
  await Promise.all(
    ['src/cli', 'libs/one', 'node_modules/@nestjs/cli/bin'].map((path) => mkdir(join(root, path), { recursive: true })),
  );
  await cp(LAUNCHER, join(root, 'src/run-cli.mjs'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'src/cli.ts'), `console.log(JSON.stringify(process.argv.slice(2)));`);
  await writeFile(join(root, 'libs/one/index.ts'), '');
  await writeFile(
    join(root, 'node_modules/@nestjs/cli/bin/nest.js'),
    `const fs = require('node:fs');
     fs.appendFileSync('builds', 'x');
     console.log('the compiler talks');
     if (fs.readFileSync('src/cli.ts', 'utf8').includes('mistake')) process.exit(2);
     fs.mkdirSync('dist/src', { recursive: true });
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
     fs.copyFileSync('src/cli.ts', 'dist/src/cli.js');
     fs.writeFileSync('dist/tsconfig.build.tsbuildinfo', '');`,
  );
  await writeFile(join(root, 'node_modules/@nestjs/cli/package.json'), '{}');
  await writeFile(
    join(root, 'bundle.mjs'),
    `import fs from 'node:fs';
     console.log('the bundler talks');
     if (fs.readFileSync('src/cli.ts', 'utf8').includes('unbundleable')) process.exit(2);
     fs.mkdirSync('dist/bundle', { recursive: true });
     fs.writeFileSync('dist/bundle/cli.js', '');`,
  );
});
afterEach(() => rm(root, { recursive: true }));

async function launch(...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'src/run-cli.mjs'), ...args], { cwd: tmpdir() });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const status = await new Promise<number | null>((done) => child.once('close', done));
  return { status, out, err };
}

const builds = async () => (await readFile(join(root, 'builds'), 'utf8')).length;
/** As if it had been saved a minute from now. */
const touch = (path: string) => utimes(join(root, path), new Date(), new Date(Date.now() + 60_000));

it('the command line of a fresh checkout is built once, and not again while no source changes', async () => {
  const first = await launch('project', 'list', '--json');
  const second = await launch('project', 'list', '--json');

  expect(first).toMatchObject({ status: 0, out: '["project","list","--json"]\n' });
  expect(first.err).toMatch(/^building the command line/);
  expect(second).toEqual({ status: 0, out: '["project","list","--json"]\n', err: '' });
  expect(await builds()).toBe(1);
});

it.each(['src/cli.ts', 'libs/one/index.ts', 'libs/one'])(
  'the command line is built again when %s is newer',
  async (path) => {
    await launch();
    await touch(path);

    await launch();

    expect(await builds()).toBe(2);
  },
);

it('the command line is not built again for a changed test', async () => {
  await launch();
  await writeFile(join(root, 'libs/one/index.spec.ts'), '');
  const past = new Date(Date.now() - 3600_000);
  await utimes(join(root, 'libs/one'), past, past);
  await touch('libs/one/index.spec.ts');

  await launch();

  expect(await builds()).toBe(1);
});

it.each(['dist/src/cli.js', 'dist/bundle/cli.js'])(
  'the command line is built again when %s is missing',
  async (path) => {
    await launch();
    await rm(join(root, path));

    expect(await launch('a')).toMatchObject({ status: 0, out: '["a"]\n' });
  },
);

it('two commands that start together build once', async () => {
  const both = await Promise.all([launch('a'), launch('b')]);

  expect(both.map(({ status, out }) => ({ status, out }))).toEqual([
    { status: 0, out: '["a"]\n' },
    { status: 0, out: '["b"]\n' },
  ]);
  expect(await builds()).toBe(1);
});

it('a killed build does not block the next one', async () => {
  const gone = spawn(process.execPath, ['--eval', '0']);
  await new Promise((done) => gone.once('close', done));
  await mkdir(join(root, 'dist'));
  await writeFile(join(root, 'dist/.building'), String(gone.pid));

  expect(await launch('a')).toMatchObject({ status: 0, out: '["a"]\n' });
});

it('the command line is built again when the sources were compiled without the bundle', async () => {
  await launch();
  await touch('dist/tsconfig.build.tsbuildinfo');

  await launch();

  expect(await builds()).toBe(2);
});

it('the command line is not built again after a build from sources with a time in the future', async () => {
  await touch('src/cli.ts');
  await launch();

  await launch();

  expect(await builds()).toBe(1);
});

it('a failed build exits with status 1, the messages of the compiler, and an empty stdout', async () => {
  await writeFile(join(root, 'src/cli.ts'), 'mistake');

  const { status, out, err } = await launch();

  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toMatch(/the compiler talks/);
});

it('a build whose bundle fails exits with status 1, the messages of the bundler, and an empty stdout', async () => {
  await writeFile(join(root, 'src/cli.ts'), 'unbundleable');

  const { status, out, err } = await launch();

  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toMatch(/the bundler talks/);
});
