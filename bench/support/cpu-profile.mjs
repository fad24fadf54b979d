// Aggregates a profile of `node --cpu-prof`: CPU time in microseconds, within a time range.
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The function names of V8's idle samples. */
const IDLE_FRAMES = new Set(['(idle)']);

/**
 * `by` returns the key that a sample is counted under. Its argument is the stack of the sample, the running frame first. A frame
 * has a `functionName` and a `file`: a path in this project, a package name, or V8's name. `from` and `to` are times of
 * `process.hrtime` in microseconds, the clock of the profile.
 */
export function cpuBy(by, file, { from, to }) {
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(file, 'utf8'));
  const stacks = stacksOf(nodes);
  const totals = new Map();
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index];
    if (at < from || at > to || IDLE_FRAMES.has(stacks.get(id)[0].functionName)) return;
    const key = by(stacks.get(id));
    totals.set(key, (totals.get(key) ?? 0) + timeDeltas[index]);
  });
  return [...totals].toSorted(([, a], [, b]) => b - a).map(([key, microseconds]) => ({ key, microseconds }));
}

/** The package, Node module or file of the running frame. */
export function byPackage([{ file, functionName }]) {
  if (file === '') return nativeName(functionName);
  if (file.startsWith('node:')) return `node:${file.slice('node:'.length).replace('internal/', '').split('/')[0]}`;
  return file;
}

/** The function of the running frame. */
export function byFunction([{ file, functionName }]) {
  return file === '' ? nativeName(functionName) : `${functionName || '(anonymous)'}, ${file}`;
}

/** The innermost file of this project on the stack. */
export function byOwnFile(stack) {
  return stack.find(({ file }) => /^(libs|src)\//.test(file))?.file ?? 'packages and Node.js only';
}

/** A function without a file belongs to Node.js itself; V8 puts its own activities, such as the garbage collector, in brackets. */
function nativeName(functionName) {
  return functionName.startsWith('(') ? functionName : `Node.js: ${functionName || 'native code'}`;
}

function stacksOf(nodes) {
  const parents = new Map();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, { ...callFrame, file: fileOf(sourceOf(callFrame)) }]));
  return new Map(
    nodes.map(({ id }) => {
      const stack = [];
      for (let at = id; at !== undefined; at = parents.get(at)) stack.push(frames.get(at));
      return [id, stack];
    }),
  );
}

const maps = new Map();

/** The URL of a function's file; for a function of a bundle, of the file that it was bundled from. */
function sourceOf({ url, lineNumber, columnNumber }) {
  if (!url.includes('/dist/bundle/')) return url;
  if (!maps.has(url)) maps.set(url, sourceMapOf(fileURLToPath(`${url}.map`)));
  const originalSource = maps.get(url)?.findEntry(lineNumber, columnNumber).originalSource;
  return originalSource ? new URL(originalSource, url).href : url;
}

/** The runtime of the bundle itself has none. */
function sourceMapOf(file) {
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

function fileOf(url) {
  const installed = url.lastIndexOf('/node_modules/');
  if (installed >= 0) return /^(@[^/]+\/)?[^/]+/.exec(url.slice(installed + '/node_modules/'.length))[0];
  return /\/(?:dist\/)?((?:libs|src)\/.*)$/.exec(url)?.[1] ?? url;
}
