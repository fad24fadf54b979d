import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from '@app/testing';
import { runCommandLine } from '../../src/cli/command-line.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

interface Ended {
  status: number;
  out: string;
  err: string;
}

interface RunningCommand {
  /** Standard error so far. */
  err(): string;
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  /** Reads no more of the standard output, as `head` does. */
  closeOut(): void;
  ended: Promise<Ended>;
}

export interface CommandLine {
  /** Runs as a process of its own. Needs `npm run build`, which `npm test` does. */
  start: (...args: string[]) => RunningCommand;
  /** Runs in this process, which takes a fraction of the time. */
  run: (...args: string[]) => Promise<Ended>;
  /** Runs with `--json`. Expects success and no output except the refreshes that it waits for; returns the parsed object. */
  json: (...args: string[]) => Promise<Record<string, unknown>>;
  /** Expects exit code 1 and one line on standard error; returns that line. */
  refused: (...args: string[]) => Promise<string>;
}

/** Runs commands with this environment, and with no other variable. */
export function commandLine(environment: () => Readonly<Record<string, string>>): CommandLine {
  const start = (...args: string[]): RunningCommand => {
    const env = { PATH: process.env['PATH'], ...environment() };
    const child = reapOnExit(spawn(process.execPath, [CLI, ...args], { env }));
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    const ended = once(child, 'close').then(([code]) => ({ status: (code as number | null) ?? -1, out, err }));
    return { err: () => err, signal: (name) => child.kill(name), closeOut: () => child.stdout.destroy(), ended };
  };
  const run = async (...args: string[]) => {
    const printed = { out: '', err: '' };
    const status = await printingTo(printed, () => runCommandLine(args, environment()));
    return { status, ...printed };
  };
  return {
    start,
    run,
    async json(...args) {
      const { status, out, err } = await run(...args, '--json');
      // The second one is printed where the machine is so busy that the database takes a second to respond.
      const notes = err.replaceAll(
        /^waiting (for refresh \S+|up to \d+ seconds for the database at .*: no response yet)\n/gm,
        '',
      );
      expect({ status, notes }).toEqual({ status: 0, notes: '' });
      return JSON.parse(out) as Record<string, unknown>;
    },
    async refused(...args) {
      const { status, out, err } = await run(...args);
      expect({ status, out }).toEqual({ status: 1, out: '' });
      expect(err.trim().split('\n')).toHaveLength(1);
      return err;
    },
  };
}

type Printed = Pick<Ended, 'out' | 'err'>;

const printing = new AsyncLocalStorage<Printed>();
let running = 0;
let restoreStreams: (() => void)[] = [];

/** What the command writes to the standard streams, also through a logger, becomes part of `printed`. */
async function printingTo(printed: Printed, command: () => Promise<number>): Promise<number> {
  if (running === 0) restoreStreams = [divert(process.stdout, 'out'), divert(process.stderr, 'err')];
  running += 1;
  try {
    return await printing.run(printed, command);
  } finally {
    running -= 1;
    if (running === 0) for (const restore of restoreStreams) restore();
  }
}

/** Collects what commands write; all other writes go to the stream. Returns a function that ends this. */
function divert(stream: NodeJS.WriteStream, to: keyof Printed): () => void {
  const original = Object.getOwnPropertyDescriptor(stream, 'write');
  const write = stream.write.bind(stream) as (...written: unknown[]) => boolean;
  stream.write = (chunk: unknown, ...others: unknown[]) => {
    const printed = printing.getStore();
    if (!printed) return write(chunk, ...others);
    printed[to] += String(chunk);
    const callback = others.at(-1);
    if (typeof callback === 'function') queueMicrotask(callback as () => void);
    return true;
  };
  return () => {
    if (original) Object.defineProperty(stream, 'write', original);
    else Reflect.deleteProperty(stream, 'write');
  };
}
