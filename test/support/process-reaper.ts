import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('process-reaper.mjs', import.meta.url));

/** A process that ends what ours has started, when ours ends without having done it: interrupted, killed, crashed. */
export class ProcessReaper {
  // In a session of its own: Ctrl-C in the terminal does not reach it.
  private readonly program = spawn(process.execPath, [PROGRAM], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });

  constructor() {
    // It waits for us, not we for it.
    this.program.unref();
    (this.program.stdin as Socket).unref();
  }

  /** Stops this process at the end, if it is still running. */
  trackProcess(child: ChildProcess): void {
    if (child.pid === undefined) return;
    this.program.stdin.write(`process ${child.pid}\n`);
    child.once('exit', () => this.program.stdin.write(`ended ${child.pid}\n`));
  }

  /** Stops the PostgreSQL server in this folder at the end, and removes the folder. */
  trackServer(folder: string): void {
    this.program.stdin.write(`server ${folder}\n`);
  }

  /** Now; returns when it is done. */
  async end(): Promise<void> {
    const exited = once(this.program, 'exit');
    this.program.ref();
    this.program.stdin.end();
    await exited;
  }
}

let reaper: ProcessReaper | undefined;

/** For every process that tests start: none of them outlives the tests. Returns the process. */
export function reapOnExit<Child extends ChildProcess>(child: Child): Child {
  reaper ??= new ProcessReaper();
  reaper.trackProcess(child);
  return child;
}
