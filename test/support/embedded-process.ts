import { execFile, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { reapOnExit } from '@app/testing';

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));

/** A temporary folder that the server's user can read, even if the tests run as root. */
export async function createReadableFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'nft-refresh-embedded-')));
  await chmod(folder, 0o755);
  return folder;
}

/** The command lines of running `initdb`, `pg_ctl` and `postgres` processes that name this folder. */
async function postgresProcesses(folder: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'command=']);
  return stdout.split('\n').filter((line) => /^\S*(initdb|pg_ctl|postgres) /.test(line) && line.includes(folder));
}

/** Waits: a stopped server still writes its last log line. */
export async function expectNoServer(folder: string): Promise<void> {
  await expect.poll(() => postgresProcesses(folder), { timeout: 10_000 }).toEqual([]);
}

const STEPS = ['initdb', 'pg_ctl', 'postgres'] as const;
export type Step = (typeof STEPS)[number];

/** Waits until this program, or a later one of the start-up, runs for this folder. Each may run only briefly. */
export function untilRunning(folder: string, program: Step): Promise<unknown> {
  const programs = STEPS.slice(STEPS.indexOf(program));
  const runs = async () =>
    (await postgresProcesses(folder)).some((line) => programs.some((name) => line.split(' ', 1)[0]!.endsWith(name)));
  return vi.waitUntil(runs, { timeout: 60_000, interval: 10 });
}

export interface Program {
  /** Standard output and standard error so far. */
  output(): string;
  /** Waits for this text in the output. */
  prints(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Waits for the exit. Returns the exit code. */
  status(): Promise<number | null>;
}

const running = new Set<ChildProcess>();

/** Stops the processes that a failed test has left running. */
export async function stopPrograms(): Promise<void> {
  const exits = [...running].map((child) => once(child, 'exit'));
  for (const child of running) child.kill('SIGTERM');
  await Promise.all(exits);
}

function track(child: ChildProcess): void {
  running.add(reapOnExit(child));
  child.once('exit', () => running.delete(child));
}

/** Runs a built program in this folder without DATABASE_URL, so that it uses the embedded PostgreSQL. */
export function runEmbedded(folder: string, main: string, ...args: string[]): Program {
  const env = { PATH: process.env['PATH'], PORT: '0' };
  const child = spawn(process.execPath, [built(main), ...args], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  track(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const closed = once(child, 'close');
  return {
    output: () => output,
    async prints(text) {
      const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
      await vi.waitUntil(() => output.includes(text) || hasEnded(), { timeout: 240_000, interval: 20 });
      if (!output.includes(text)) throw new Error(`${main} exited before it printed "${text}":\n${output}`);
    },
    signal: (signal) => void child.kill(signal),
    async status() {
      await closed;
      return child.exitCode;
    },
  };
}

/** A process that enters, queries and leaves an embedded PostgreSQL on command. */
export class EmbeddedProcess {
  private constructor(private readonly process: ChildProcess) {}

  static async start(folder: string): Promise<EmbeddedProcess> {
    const env = { PATH: process.env['PATH'] };
    const child = fork(built('test/support/embedded-program.js'), [folder], { env, execArgv: [] });
    track(child);
    const started = new EmbeddedProcess(child);
    await started.result();
    return started;
  }

  async enter(): Promise<void> {
    await this.send('enter');
  }

  /** The start time of the server, which identifies it. */
  async query(): Promise<string> {
    return (await this.send('query')) as string;
  }

  async leave(): Promise<void> {
    await this.send('leave');
  }

  /** Sends the signal and waits for the exit. The process may stop the server before it exits. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { process } = this;
    if (process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, 'exit');
    process.kill(signal);
    await exited;
  }

  private async send(command: string): Promise<unknown> {
    const result = this.result();
    this.process.send(command);
    return result;
  }

  private async result(): Promise<unknown> {
    const waiting = new AbortController();
    const message = once(this.process, 'message', { signal: waiting.signal });
    const exit = once(this.process, 'exit', { signal: waiting.signal }).then(() => {
      throw new Error('The process exited without a response.');
    });
    try {
      const [{ result, error }] = (await Promise.race([message, exit])) as [{ result?: unknown; error?: string }];
      if (error !== undefined) throw new Error(error);
      return result;
    } finally {
      waiting.abort();
      await Promise.allSettled([message, exit]);
    }
  }
}
