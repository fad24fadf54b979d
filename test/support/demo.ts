import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { reapOnExit } from '@app/testing';

const DEMO = fileURLToPath(new URL('../../dist/src/demo/main.js', import.meta.url));

/** A demonstration that has been started. */
export interface Demo {
  process: ChildProcess;
  /** Standard output and standard error so far. */
  out(): string;
  status: Promise<number | null>;
}

export function startDemo(...args: string[]): Demo {
  const child = reapOnExit(spawn(process.execPath, [DEMO, ...args], { env: { PATH: process.env['PATH'] } }));
  let out = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (out += String(chunk)));
  const status = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, out: () => out, status };
}

/** Waits until its output has the text, or it has ended. */
export function untilShown(demo: Demo, text: string): Promise<unknown> {
  return vi.waitUntil(() => demo.out().includes(text) || demo.process.exitCode !== null, { timeout: 100_000 });
}

/** Where its console is, and how to sign in, as it has printed it. */
export function consoleOf(demo: Demo): { url: string; refreshId: string; secret: string; apiKey: string } {
  const find = (pattern: RegExp) => pattern.exec(demo.out())?.[1] ?? '';
  return {
    url: `${find(/Open its console at (\S+\/console),/)}/`,
    refreshId: find(/\/console\/refreshes\/(\S+)/),
    secret: find(/with the secret: +(\S+)/),
    apiKey: find(/with its API key: +(\S+)/),
  };
}
