import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from './process-reaper.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

export interface CommandLine {
  run: (...args: string[]) => Promise<{ status: number; out: string; err: string }>;
  /** Runs with `--json`. Expects success and no other output; returns the parsed object. */
  json: (...args: string[]) => Promise<Record<string, unknown>>;
  /** Expects exit code 1 and one line on standard error; returns that line. */
  refused: (...args: string[]) => Promise<string>;
}

/** Runs the built CLI as a process. Needs `npm run build`, which `npm test` does. */
export function commandLine(environment: () => Readonly<Record<string, string>>): CommandLine {
  const run = async (...args: string[]) => {
    const env = { PATH: process.env['PATH'], ...environment() };
    const child = reapOnExit(spawn(process.execPath, [CLI, ...args], { env }));
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    const status = await new Promise<number>((done) => child.once('close', (code) => done(code ?? -1)));
    return { status, out, err };
  };
  return {
    run,
    async json(...args) {
      const { status, out, err } = await run(...args, '--json');
      expect({ status, err }).toEqual({ status: 0, err: '' });
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
