import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, matchesGlob, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseStages, readIgnored, type BuildStage, type DockerInstruction } from './dockerfile.js';

const CONTEXT = fileURLToPath(new URL('../..', import.meta.url));
const ignored = readIgnored().flatMap((pattern) => [pattern, `${pattern}/**`]);

/**
 * Follows the Dockerfile without Docker: a folder stands for the file system of each stage, and programs come from this machine instead
 * of the base image. Returns the root folder of the image.
 */
export async function buildInFolders(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-image-'));
  await chmod(folder, 0o755);
  const roots = new Map<string, string>();
  let root = '';
  for (const [index, stage] of parseStages().entries()) {
    root = join(folder, String(index));
    await buildStage(stage, root, roots);
    if (stage.name) roots.set(stage.name, root);
  }
  return root;
}

async function buildStage(
  { instructions }: BuildStage,
  root: string,
  roots: ReadonlyMap<string, string>,
): Promise<void> {
  let workdir = root;
  for (const instruction of instructions) {
    if (instruction.keyword === 'WORKDIR') {
      workdir = join(root, instruction.args[0]!);
      await mkdir(workdir, { recursive: true });
    }
    if (instruction.keyword === 'COPY') await copy(instruction, workdir, roots);
    if (instruction.keyword === 'RUN') {
      await promisify(execFile)('sh', ['-c', instruction.text], { cwd: workdir, maxBuffer: 2 ** 26 });
    }
  }
}

async function copy(
  { args, flags }: DockerInstruction,
  workdir: string,
  roots: ReadonlyMap<string, string>,
): Promise<void> {
  const from = flags['from'] === undefined ? CONTEXT : roots.get(flags['from'])!;
  const target = args.at(-1)!;
  for (const path of args.slice(0, -1)) {
    const source = join(from, path);
    const isFile = (await stat(source)).isFile();
    const destination = resolve(workdir, target, isFile ? basename(path) : '.');
    await mkdir(dirname(destination), { recursive: true });
    await cp(source, destination, { recursive: true, verbatimSymlinks: true, filter: (each) => isSent(each, from) });
  }
}

/** .dockerignore is about the files of the context. */
function isSent(path: string, from: string): boolean {
  return from !== CONTEXT || !ignored.some((pattern) => matchesGlob(relative(CONTEXT, path), pattern));
}
