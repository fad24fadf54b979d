// The command line from a checkout: `npm run --silent cli -- …`. Builds when `dist` is missing or older than the sources,
// and at no other time. An installed or packed service has no sources beside it: there it is `node dist/src/cli.js`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, 'dist/src/cli.js');
/** The program in a few files. It loads faster than the compiler's output, and is built from it. */
const bundle = join(root, 'dist/bundle/cli.js');
/** Written by the compiler. Its time is set to that of the build, even if nothing had to be written. */
const buildInfo = join(root, 'dist/tsconfig.build.tsbuildinfo');
const lock = join(root, 'dist/.building');
const SOURCES = [
  'src',
  'libs',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'bundle.mjs',
  'package-lock.json',
];
const LOCK_POLL_MS = 100;

while (!isBuilt()) {
  if (!takeLock()) await pause(LOCK_POLL_MS);
  else if (!buildAndUnlock()) process.exit(1);
}
await import(pathToFileURL(program).href);

function isBuilt() {
  const exists = timeOf(program) !== -Infinity;
  return exists && newestSource() <= timeOf(buildInfo) && timeOf(buildInfo) <= timeOf(bundle);
}

function newestSource() {
  return Math.max(...SOURCES.map((path) => newestIn(join(root, path))));
}

/** The last change of a file, or of a folder and all its content. A removed file changes its folder. */
function newestIn(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return -Infinity;
  if (!stats.isDirectory()) return stats.mtimeMs;
  const inside = readdirSync(path).filter((name) => name !== 'node_modules' && !name.endsWith('.spec.ts'));
  return Math.max(stats.mtimeMs, ...inside.map((name) => newestIn(join(path, name))));
}

function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}

/** false if another process is building: wait for it. */
function takeLock() {
  mkdirSync(dirname(lock), { recursive: true });
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (!isAlive(Number(readLock()))) rmSync(lock, { force: true });
    return false;
  }
}

function readLock() {
  try {
    return readFileSync(lock, 'utf8') || process.pid;
  } catch {
    return process.pid; // gone meanwhile, or not written yet
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** false if the build failed: the compiler or the bundler has printed why. */
function buildAndUnlock() {
  try {
    if (isBuilt()) return true;
    process.stderr.write('building the command line, once after each change of the sources …\n');
    // Otherwise the compiler would assume that the missing files exist.
    if (timeOf(program) === -Infinity) rmSync(buildInfo, { force: true });
    // A file that is saved during the build is newer. A file with a time in the future counts as built.
    const builtAt = new Date(Math.ceil(Math.max(Date.now(), newestSource())));
    if (!run('node_modules/@nestjs/cli/bin/nest.js', 'build')) return false;
    utimesSync(buildInfo, builtAt, builtAt);
    if (!run('bundle.mjs')) return false;
    const bundledAt = new Date(Math.max(Date.now(), builtAt.getTime()));
    utimesSync(bundle, bundledAt, bundledAt);
    return true;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** false if it failed. Its output goes to stderr, because stdout belongs to the command. */
function run(path, ...args) {
  const program = join(root, path);
  return spawnSync(process.execPath, [program, ...args], { cwd: root, stdio: ['ignore', 2, 2] }).status === 0;
}
