import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { endWithTests } from './guardian.js';

const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const run = promisify(execFile);

/** A host's program, as a process of its own. */
export interface HostProcess {
  process: ChildProcess;
  url: string;
  /** What it has printed so far. */
  out: () => string;
  /** Waits until it answers at its port. Throws with what it has printed if it ends before that. */
  ready(): Promise<void>;
  /** Asks it to stop, as an operator does, and waits for it. */
  stop(): Promise<void>;
}

/** Runs a command line tool of this repository in a host's folder. Throws with what it printed. */
export async function runTool(folder: string, tool: string, ...args: string[]): Promise<void> {
  try {
    await run(process.execPath, [MODULES + tool, ...args], { cwd: folder });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${tool} failed in ${folder}:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Runs a program of a host's to its end. Returns what it printed. */
export async function runProgram(folder: string, main: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await run(process.execPath, [main], { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
  return stdout;
}

/** Starts a compiled program and waits until it answers at its port: `env.PORT`, or one that is free. */
export async function startHost(
  folder: string,
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<HostProcess> {
  const host = await launchHost(folder, main, env);
  await host.ready();
  return host;
}

/** The same, as a shell does it in the background: it may not be ready yet. */
export async function launchHost(
  folder: string,
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<HostProcess> {
  const port = env['PORT'] ?? String(await aFreePort());
  const host = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env['PATH'], PORT: port, ...env } });
  endWithTests(host);
  let out = '';
  host.stdout.on('data', (chunk) => (out += String(chunk)));
  host.stderr.on('data', (chunk) => (out += String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  const responses = async () => {
    if (host.exitCode !== null) throw new Error(`${main} ended with ${host.exitCode}:\n${out}`);
    return fetch(url).then(
      () => true,
      () => false,
    );
  };
  return {
    process: host,
    url,
    out: () => out,
    ready: async () => void (await vi.waitUntil(responses, { timeout: 40_000, interval: 50 })),
    async stop() {
      const closed = new Promise((done) => host.once('close', done));
      if (host.exitCode === null && host.signalCode === null && host.kill('SIGTERM')) await closed;
    },
  };
}

export async function aFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
