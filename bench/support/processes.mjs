// Child processes, measured from outside through /proc: the same way for the service, the baselines and the servers.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { whenDone } from './clean-up.mjs';

/** /proc counts CPU time in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;

/** A Node program that says `"url":"…"` on its standard output as soon as it is ready. */
export class Program {
  static async start(file, { args = [], env = {}, nodeOptions = [], cwd } = {}) {
    const child = spawn(process.execPath, [...nodeOptions, file, ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const program = new Program(child);
    whenDone(() => program.stop());
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

  /** The most memory since `forgetPeak`. */
  peakMemoryBytes() {
    return memoryOf(this.pid, 'VmHWM');
  }

  forgetPeak() {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** While another one is measured, this one shall not even poll. */
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
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#exited;
    clearTimeout(late);
  }

  #ready(file) {
    return new Promise((done, fail) => {
      const late = setTimeout(() => fail(new Error(`${file} was not ready within a minute`)), START_WITHIN_MS);
      let text = '';
      this.#child.stdout.on('data', (chunk) => {
        if (this.url) return;
        text += chunk;
        const found = /"url":"([^"]+)"/.exec(text);
        if (!found) return;
        clearTimeout(late);
        done(found[1]);
      });
      void this.#exited.then((code) => {
        clearTimeout(late);
        fail(new Error(`${file} ended with ${code} before it was ready`));
      });
    });
  }
}

/** Says, from inside a child process, that it is ready. */
export function sayReady(url) {
  process.stdout.write(`${JSON.stringify({ url })}\n`);
}

/** CPU seconds of a process and of all its children, also of those that have ended. */
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
    // The name of the program, in brackets, may have anything in it; what follows are numbers.
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
