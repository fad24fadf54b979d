import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from '@app/testing';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

interface RunningCommand {
  /** Standard error so far. */
  err(): string;
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  ended: Promise<{ status: number; out: string; err: string }>;
}

export interface CommandLine {
  start: (...args: string[]) => RunningCommand;
  run: (...args: string[]) => Promise<{ status: number; out: string; err: string }>;
  /** Runs with `--json`. Expects success and no output except the refreshes that it waits for; returns the parsed object. */
  json: (...args: string[]) => Promise<Record<string, unknown>>;
  /** Expects exit code 1 and one line on standard error; returns that line. */
  refused: (...args: string[]) => Promise<string>;
}

/** Runs the built CLI as a process. Needs `npm run build`, which `npm test` does. */
export function commandLine(environment: () => Readonly<Record<string, string>>): CommandLine {
  const start = (...args: string[]): RunningCommand => {
    const env = { PATH: process.env['PATH'], ...environment() };
    const child = reapOnExit(spawn(process.execPath, [CLI, ...args], { env }));
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    const ended = once(child, 'close').then(([code]) => ({ status: (code as number | null) ?? -1, out, err }));
    return { err: () => err, signal: (name) => child.kill(name), ended };
  };
  const run = (...args: string[]) => start(...args).ended;
  return {
    start,
    run,
    async json(...args) {
      const { status, out, err } = await run(...args, '--json');
      const notes = err.replaceAll(/^waiting for refresh \S+\n/gm, '');
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
