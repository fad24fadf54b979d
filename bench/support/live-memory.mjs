// Loaded into a measured process with `--import`: what is alive after each full garbage collection. Nothing is collected for it: a process
// that is measured collects when V8 decides to, and most of its resident memory is garbage that V8 has not collected yet.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const file = new URL(import.meta.url).searchParams.get('file');
if (file !== null && isMainThread) {
  new PerformanceObserver((list) => {
    if (!list.getEntries().some(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) return;
    writeFileSync(file, String(process.memoryUsage().heapUsed));
  }).observe({ entryTypes: ['gc'] });
}

/** In the benchmark's process: the options for Node, and what the newest full garbage collection of that process left. */
export function liveMemory() {
  const path = join(tmpdir(), `bench-live-memory-${process.pid}`);
  writeFileSync(path, '0');
  const module = new URL(import.meta.url);
  module.searchParams.set('file', path);
  return {
    nodeOptions: ['--import', module.href],
    bytes: () => Number(readFileSync(path, 'utf8')),
    remove: () => rmSync(path),
  };
}
