import { spawnSync } from 'node:child_process';
import type { ServiceProcess } from './service-process.js';

/** The process ids of the worker processes that a service has started, by the number of the worker: the newest last. */
export function workerPids(service: ServiceProcess): Map<number, number[]> {
  const pids = new Map<number, number[]>();
  for (const [, worker, pid] of service
    .output()
    .matchAll(/"msg":"worker process started","worker":(\d+),"pid":(\d+)/g)) {
    pids.set(Number(worker), [...(pids.get(Number(worker)) ?? []), Number(pid)]);
  }
  return pids;
}

/** Those of these processes that run. One that has ended and that nobody has waited for does not. */
export function runningAmong(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
  });
}
