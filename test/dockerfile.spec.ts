import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { validate } from 'dockerfile-utils';
import { lastOf, parseStages, readDockerfile, readIgnored } from './support/dockerfile.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const stages = parseStages();
const [build, image] = [stages[0]!, stages.at(-1)!];
const manifest = readJson('package.json') as {
  engines: { node: string };
  workspaces: { packages: string[] };
};

function readJson(path: string): object {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as object;
}

it('the Dockerfile passes a linter', () => {
  expect(validate(readDockerfile()).map(({ message }) => message)).toEqual([]);
});

it.each([
  ['an instruction that does not exist', (text: string) => text.replace('WORKDIR', 'WORKDIRS')],
  ['a flag that does not exist', (text: string) => text.replace('--from=', '--form=')],
  ['a health check without a unit of time', (text: string) => text.replace('--interval=10s', '--interval=10')],
  ['an image without a tag after the colon', (text: string) => text.replace('node:24-slim', 'node:')],
  ['a copy without a target', (text: string) => text.replace('COPY . .', 'COPY .')],
])('the linter refuses %s', (_, change) => {
  const broken = change(readDockerfile());

  expect(broken).not.toBe(readDockerfile());
  expect(validate(broken)).not.toEqual([]);
});

it('every stage is built on the same version of Node.js, one that the package supports', () => {
  const versions = stages.map((stage) => /^node:(\d+)-/.exec(stage.image)?.[1]);

  expect(new Set(versions).size).toBe(1);
  expect(Number(versions[0])).toBeGreaterThanOrEqual(Number(/\d+/.exec(manifest.engines.node)![0]));
});

it('the image runs as a user that is not root, and its last stage runs nothing as root', () => {
  expect(lastOf(image, 'USER')).toEqual(['node']);
  expect(image.instructions.filter(({ keyword }) => keyword === 'RUN')).toEqual([]);
});

it('packages are installed from the lock file, with the manifest of every workspace, before the sources are copied', () => {
  const before = build.instructions.slice(
    0,
    build.instructions.findIndex(({ text }) => text === 'npm ci'),
  );
  const copied = before.filter(({ keyword }) => keyword === 'COPY').flatMap(({ args }) => args.slice(0, -1));

  expect(copied).toEqual([
    'package.json',
    'package-lock.json',
    ...manifest.workspaces.packages.map((folder) => `${folder}/package.json`),
  ]);
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it('the image has what the service needs at run time: the build, packages without those for development, and the type of its modules', () => {
  const { packages } = readJson('package-lock.json') as { packages: Record<string, object> };
  const nested = manifest.workspaces.packages.map((folder) => `${folder}/node_modules/`);

  expect(build.instructions.at(-1)!.text).toBe('npm run --silent build && npm prune --omit=dev');
  expect(
    image.instructions.filter(({ keyword }) => keyword === 'COPY').map(({ args, flags }) => [flags['from'], ...args]),
  ).toEqual([
    [build.name, '/app/package.json', './'],
    [build.name, '/app/node_modules', './node_modules'],
    [build.name, '/app/dist', './dist'],
  ]);
  // Only the packages of the root are copied.
  expect(Object.keys(packages).filter((path) => nested.some((folder) => path.startsWith(folder)))).toEqual([]);
});

it('the image starts the program that supervisors start, and nothing between it and the signals', () => {
  const [program, ...args] = lastOf(image, 'CMD')!;
  const source = args.at(-1)!.replace('dist/', '').replace(/\.js$/, '.ts');

  expect(program).toBe('node');
  expect(existsSync(join(ROOT, source))).toBe(true);
  expect(readFileSync(join(ROOT, 'docs/how-to/run-in-production.md'), 'utf8')).toContain([program, ...args].join(' '));
});

it('local packages, builds, databases and settings are not sent to the builder', () => {
  expect(readIgnored()).toEqual(['**/node_modules', 'dist', '.data', '.git', '.env']);
});
