// Outlives the process that started it: ends what that one has left behind, as soon as its own standard input closes. That
// happens however the process ends, and vitest runs no teardown when it is interrupted.
//
// It is told by lines: `process <pid>`, `ended <pid>`, and `server <folder>` for a PostgreSQL server's folder.
import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const processes = new Set();
const servers = new Set();

for await (const line of createInterface(process.stdin)) {
  const [what, value] = line.split(' ', 2);
  if (what === 'process') processes.add(Number(value));
  if (what === 'ended') processes.delete(Number(value));
  if (what === 'server') servers.add(value);
}

for (const pid of processes) kill(pid, 'SIGTERM');
// Some stop a database of their own in order.
for (let tries = 0; tries < 200 && [...processes].some((pid) => kill(pid, 0)); tries += 1) await pause(50);
for (const pid of processes) kill(pid, 'SIGKILL');
for (const folder of servers) {
  while (await stopServer(folder)) await pause(50);
  // A server that is only just starting fails without its folder; until then it may write to it.
  await rm(folder, { recursive: true, force: true, maxRetries: 20 });
}

/** Whether there is a server to wait for. SIGQUIT is PostgreSQL's immediate shutdown. */
async function stopServer(folder) {
  const text = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n', 1)[0]);
  // A killed server leaves its process id behind, which may be another process's by now.
  const { stdout } = spawnSync('ps', ['-ww', '-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  return stdout.includes(folder) && kill(pid, 'SIGQUIT');
}

function kill(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
