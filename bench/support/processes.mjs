// Child processes, with CPU time and memory from /proc.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { onCleanUp } from './clean-up.mjs';

/** The unit of CPU time in /proc (USER_HZ). */
const TICKS_PER_SECOND = 100;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

/** A Node process that prints `"url":"…"` on its standard output when it is ready. */
export class Program {
  static async start(file, { args = [], env = {}, nodeOptions = [], cwd } = {}) {
    const child = spawn(process.execPath, [...nodeOptions, file, ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const program = new Program(child);
    onCleanUp(() => program.stop());
    program.url = await program.#ready(file);
    return program;
  }

  url = '';
  #child;
  #exited;

  constructor(child) {
    this.#child = child;
    this.#exited = new Promise((done) => child.once('exit', done));
  }

  get pid() {
    return this.#child.pid;
  }

  cpuSeconds() {
    return cpuOf(this.pid).own;
  }

  memoryBytes() {
    return memoryOf(this.pid, 'VmRSS');
  }

  /** Peak memory since `resetPeakMemory`. */
  peakMemoryBytes() {
    return memoryOf(this.pid, 'VmHWM');
  }

  resetPeakMemory() {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** Suspends the process, so that its polling does not disturb other measurements. */
  pause() {
    this.#child.kill('SIGSTOP');
  }

  resume() {
    this.#child.kill('SIGCONT');
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.resume();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #ready(file) {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`${file} was not ready within a minute`)), START_TIMEOUT_MS);
      let text = '';
      this.#child.stdout.on('data', (chunk) => {
        if (this.url) return;
        text += chunk;
        const found = /"url":"([^"]+)"/.exec(text);
        if (!found) return;
        clearTimeout(timer);
        done(found[1]);
      });
      void this.#exited.then((code) => {
        clearTimeout(timer);
        fail(new Error(`${file} exited with ${code} before it was ready`));
      });
    });
  }
}

/** Called in a child process: tells the parent that it is ready. */
export function reportReady(url) {
  process.stdout.write(`${JSON.stringify({ url })}\n`);
}

/** CPU seconds of a process and its children, including exited ones. */
export function cpuSecondsOfTree(pid) {
  let seconds = cpuOf(pid).own + cpuOf(pid).endedChildren;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const child = cpuOf(entry);
    if (child.parent === pid) seconds += child.own;
  }
  return seconds;
}

function cpuOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name in parentheses may contain any character; the fields after it are numbers.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [own, endedChildren] = [11, 13].map((at) => (Number(fields[at]) + Number(fields[at + 1])) / TICKS_PER_SECOND);
    return { parent: Number(fields[1]), own, endedChildren };
  } catch {
    return { parent: 0, own: 0, endedChildren: 0 };
  }
}

function memoryOf(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)[1]) * 1024;
}
