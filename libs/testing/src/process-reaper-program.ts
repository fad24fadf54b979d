// Kills orphaned processes of the parent process when standard input closes, which happens however the parent exits. Vitest runs no
// teardown when it is interrupted.
//
// Input lines: `process <pid>`, `exited <pid>`, and `server <folder>` for the folder of a PostgreSQL server.
import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const processes = new Set<number>();
const servers = new Set<string>();

for await (const line of createInterface(process.stdin)) {
  const [event, value = ''] = line.split(' ', 2);
  if (event === 'process') processes.add(Number(value));
  if (event === 'exited') processes.delete(Number(value));
  if (event === 'server') servers.add(value);
}

for (const pid of processes) kill(pid, 'SIGTERM');
// Some processes need time to shut down their own database.
for (let tries = 0; tries < 200 && [...processes].some((pid) => kill(pid, 0)); tries += 1) await pause(50);
for (const pid of processes) kill(pid, 'SIGKILL');
for (const folder of servers) {
  while (await stopServer(folder)) await pause(50);
  // A server that is still starting may write to the folder until it fails.
  await rm(folder, { recursive: true, force: true, maxRetries: 20 });
}

/** Sends SIGQUIT, PostgreSQL's immediate shutdown. Returns whether the server was running. */
async function stopServer(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n', 1)[0]);
  // A killed server leaves a stale pid file. The pid may belong to another process now.
  return pid > 0 && (await commandOf(pid)).includes(folder) && kill(pid, 'SIGQUIT');
}

/** Small systems have no `ps`, and only Linux has `/proc`. */
async function commandOf(pid: number): Promise<string> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return command ?? spawnSync('ps', ['-ww', '-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout ?? '';
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
