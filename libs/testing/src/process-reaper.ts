import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiled, or as it is: Node.js runs it without its types. */
const PROGRAM = fileURLToPath(
  new URL(`process-reaper-program${extname(new URL(import.meta.url).pathname)}`, import.meta.url),
);

/** A process that kills the child processes of this one if it is interrupted, killed or crashes. */
export class ProcessReaper {
  // Detached, so that Ctrl-C in the terminal does not reach it.
  private readonly program = spawn(process.execPath, [PROGRAM], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });

  constructor() {
    // It must not keep this process alive.
    this.program.unref();
    (this.program.stdin as Socket).unref();
  }

  /** Kills this child at exit, if it is still running. */
  trackProcess(child: ChildProcess): void {
    if (child.pid === undefined) return;
    this.program.stdin.write(`process ${child.pid}\n`);
    child.once('exit', () => this.program.stdin.write(`exited ${child.pid}\n`));
  }

  /** Stops the PostgreSQL server in this folder at exit, and removes the folder. */
  trackServer(folder: string): void {
    this.program.stdin.write(`server ${folder}\n`);
  }

  /** Kills and removes everything now. */
  async end(): Promise<void> {
    const exited = once(this.program, 'exit');
    this.program.ref();
    this.program.stdin.end();
    await exited;
  }
}

let reaper: ProcessReaper | undefined;

/** Kills this child when the test process exits. Use it for every process that a test starts. Returns the child. */
export function reapOnExit<Child extends ChildProcess>(child: Child): Child {
  reaper ??= new ProcessReaper();
  reaper.trackProcess(child);
  return child;
}
