import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { reapOnExit } from '@app/testing';

const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const run = promisify(execFile);

/** A running host application. */
export interface HostProcess {
  process: ChildProcess;
  url: string;
  /** Standard output and standard error so far. */
  out: () => string;
  /** Waits until the port accepts requests. Throws with the output if the process exits first. */
  ready(): Promise<void>;
  /** Sends SIGTERM and waits for the exit. */
  stop(): Promise<void>;
}

/** Runs a command-line tool of this repository in a host's folder. Throws with its output. */
export async function runTool(folder: string, tool: string, ...args: string[]): Promise<void> {
  try {
    await run(process.execPath, [MODULES + tool, ...args], { cwd: folder });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${tool} failed in ${folder}:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Runs a program of the host until it exits. Returns its standard output. */
export async function runProgram(
  folder: string,
  main: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<string> {
  const { stdout } = await run(process.execPath, [main, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
  });
  return stdout;
}

/** Starts a compiled program and waits until it is ready. Its port is `env.PORT` or a free one. */
export async function startHost(
  folder: string,
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<HostProcess> {
  const host = await launchHost(folder, main, env);
  await host.ready();
  return host;
}

/** Starts a compiled program without waiting until it is ready. */
export async function launchHost(
  folder: string,
  main: string,
  env: Readonly<Record<string, string>>,
): Promise<HostProcess> {
  const port = env['PORT'] ?? String(await findFreePort());
  const host = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env['PATH'], PORT: port, ...env } });
  reapOnExit(host);
  let out = '';
  host.stdout.on('data', (chunk) => (out += String(chunk)));
  host.stderr.on('data', (chunk) => (out += String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  const isResponding = async () => {
    if (host.exitCode !== null) throw new Error(`${main} exited with ${host.exitCode}:\n${out}`);
    // No connection stays open: the host closes one that is idle, perhaps just when the next request is sent.
    return fetch(url, { headers: { connection: 'close' } }).then(
      () => true,
      () => false,
    );
  };
  return {
    process: host,
    url,
    out: () => out,
    ready: async () => void (await vi.waitUntil(isResponding, { timeout: 40_000, interval: 50 })),
    async stop() {
      const closed = new Promise((done) => host.once('close', done));
      if (host.exitCode === null && host.signalCode === null && host.kill('SIGTERM')) await closed;
    },
  };
}

export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
