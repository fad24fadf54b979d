import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rename, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

export interface PackageManifest {
  name: string;
  private?: boolean;
  exports: Record<string, unknown>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies: Record<string, string>;
  /** Names the optional ones. */
  peerDependenciesMeta: Record<string, { optional: boolean }>;
}

/** A temporary folder outside the repository, so that Node does not resolve packages from its node_modules. */
export async function createHostFolder(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'nft-refresh-host-')));
}

/**
 * Installs the tarball of `npm pack` into a host's folder without the network. It unpacks the tarball and links exactly the
 * dependencies that the package and the host declare from the node_modules of this repository. It does not show that npm would choose
 * the same versions; `npm run test:outside` does.
 *
 * Needs `npm run build`, which `npm test` does.
 */
export async function installPackage(host: string, hostNeeds: readonly string[] = []): Promise<PackageManifest> {
  const tarball = await pack(host);
  await run('tar', ['-xzf', tarball, '-C', host]);
  const modules = join(host, 'node_modules');
  await mkdir(modules, { recursive: true });
  const manifest = JSON.parse(await readFile(join(host, 'package/package.json'), 'utf8')) as PackageManifest;
  await rename(join(host, 'package'), join(modules, manifest.name));
  const isOptional = (name: string) => name in manifest.peerDependenciesMeta;
  const peers = Object.keys(manifest.peerDependencies).filter((name) => !isOptional(name));
  await linkPackages(host, [...Object.keys(manifest.dependencies ?? {}), ...peers, ...hostNeeds]);
  return manifest;
}

/** Links packages from the node_modules of this repository that the host does not have yet. */
export async function linkPackages(host: string, names: readonly string[]): Promise<void> {
  for (const name of new Set(names)) {
    const link = join(host, 'node_modules', name);
    if (existsSync(link)) continue;
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(join(ROOT, 'node_modules', name)), link, 'junction');
  }
}

/** Runs `npm pack` and returns the path of the tarball. */
async function pack(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    shell: process.platform === 'win32',
  });
  return join(folder, stdout.trim().split('\n').at(-1)!);
}

/** Runs `npm install` from the network. The name of this package stands for its tarball. */
export async function npmInstall(host: string, names: readonly string[]): Promise<void> {
  const tarball = await pack(host);
  const isPacked = (name: string) => tarball.split(/[\\/]/).at(-1)!.startsWith(`${name}-`);
  const specifiers = names.map((name) => (isPacked(name) ? tarball : name));
  await run('npm', ['install', '--no-audit', '--no-fund', ...specifiers], {
    cwd: host,
    shell: process.platform === 'win32',
  });
}

/** Whether the npm registry responds. */
export async function isRegistryReachable(): Promise<boolean> {
  return run('npm', ['view', '@nestjs/common', 'version'], { shell: process.platform === 'win32' }).then(
    () => true,
    () => false,
  );
}
