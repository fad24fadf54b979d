// Reads what `node --cpu-prof` writes: who was on the CPU, in microseconds, between two moments.
import { readFileSync } from 'node:fs';

/** What V8 says when no JavaScript runs. */
const NOT_BUSY = new Set(['(idle)']);

/**
 * `by` names who a sample counts for. It is given the frames of the sample's stack, the running one first; each has a
 * `functionName` and a `file` that is a path from the project's folder, a package, or what V8 calls it. Times are of
 * `process.hrtime`, in microseconds, which is also the profile's clock.
 */
export function cpuBy(by, file, { from, to }) {
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(file, 'utf8'));
  const stacks = stacksOf(nodes);
  const totals = new Map();
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index];
    if (at < from || at > to || NOT_BUSY.has(stacks.get(id)[0].functionName)) return;
    const who = by(stacks.get(id));
    totals.set(who, (totals.get(who) ?? 0) + timeDeltas[index]);
  });
  return [...totals].toSorted(([, a], [, b]) => b - a).map(([who, microseconds]) => ({ who, microseconds }));
}

/** The part of the program whose code was running. */
export function byPackage([{ file, functionName }]) {
  if (file === '') return functionName || '(native)';
  if (file.startsWith('node:')) return `node:${file.slice('node:'.length).replace('internal/', '').split('/')[0]}`;
  return file;
}

/** The function that was running. */
export function byFunction([{ file, functionName }]) {
  return `${functionName || '(anonymous)'}${file && `, ${file}`}`;
}

/** The file of ours that was running, or that waited for what it had called. */
export function byOwnFile(stack) {
  return stack.find(({ file }) => /^(libs|src)\//.test(file))?.file ?? 'called by none of our files';
}

function stacksOf(nodes) {
  const parents = new Map();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, { ...callFrame, file: fileOf(callFrame.url) }]));
  return new Map(
    nodes.map(({ id }) => {
      const stack = [];
      for (let at = id; at !== undefined; at = parents.get(at)) stack.push(frames.get(at));
      return [id, stack];
    }),
  );
}

function fileOf(url) {
  const installed = url.lastIndexOf('/node_modules/');
  if (installed >= 0) return /^(@[^/]+\/)?[^/]+/.exec(url.slice(installed + '/node_modules/'.length))[0];
  const built = url.lastIndexOf('/dist/');
  return built >= 0 ? url.slice(built + '/dist/'.length).replace('/src/', '/') : url;
}
