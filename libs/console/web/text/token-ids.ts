import { countWord, formatCount, plural } from './numbers.js';

/** Token ids that follow each other, both ends included. */
export interface IdRun {
  from: string;
  to: string;
}

/** From how many digits on only the ends of an id are shown in a list. */
const MAX_SHOWN_DIGITS = 14;
/** Ids of a token number have no more digits; larger ones are hashes, in which separators help nobody. */
const MAX_GROUPED_DIGITS = 9;

/** The runs of ids in ascending order. Ids have up to 78 digits, so they are never numbers. */
export function runsOf(ids: readonly string[]): IdRun[] {
  const runs: IdRun[] = [];
  let next: bigint | null = null;
  for (const id of ids) {
    const last = runs.at(-1);
    if (last && next === BigInt(id)) last.to = id;
    else runs.push({ from: id, to: id });
    next = BigInt(id) + 1n;
  }
  return runs;
}

/** "8,112", and "115792…9935" for one that is too long for a list. */
export function shortId(id: string): string {
  if (id.length > MAX_SHOWN_DIGITS) return `${id.slice(0, 6)}…${id.slice(-4)}`;
  return id;
}

function inSentence(id: string): string {
  return id.length > MAX_GROUPED_DIGITS ? shortId(id) : formatCount(Number(id));
}

function size({ from, to }: IdRun): bigint {
  return BigInt(to) - BigInt(from) + 1n;
}

function nameRun({ from, to }: IdRun): string {
  if (from === to) return inSentence(from);
  return `${inSentence(from)} to ${inSentence(to)}`;
}

/**
 * Which ids, in one sentence: "All are one run: 8,112 to 8,379." `runs` are those that are known, of `total` tokens; a reader of a
 * million rows stops early.
 */
export function describeRuns(runs: readonly IdRun[], total: number): string {
  if (runs.length === 0) return '';
  const longest = runs.toSorted((a, b) => Number(size(b) - size(a)));
  const first = longest[0]!;
  if (total === 1) return `Token ${nameRun(first)}.`;
  const covered = Number(size(first));
  if (covered === total && covered > 1) return `${covered > 3 ? 'All are one run:' : 'Tokens'} ${nameRun(first)}.`;
  if (covered > 1 && covered >= total * 0.9) return `Almost all are one run: ${nameRun(first)}.`;
  const named = longest.slice(0, 3);
  const known = Number(named.reduce((sum, run) => sum + size(run), 0n));
  const list = named.map(nameRun).join(', ');
  if (known >= total) return `Tokens ${list}.`;
  if (covered > 1) return `The longest ${named.length === 1 ? 'run' : `${countWord(named.length)} runs`}: ${list}.`;
  return `Among them ${list}, and ${plural(total - known, 'other')}.`;
}

const MAX_UINT256 = 2n ** 256n - 1n;

/** A token id, or a range of them, as a person types it. Returns a sentence if it is none. */
function parseRun(part: string): { from: bigint; to: bigint } | string {
  const [, first, last] = /^(\d{1,78})(?:-(\d{1,78}))?$/.exec(part) ?? [];
  if (first === undefined) return `“${part.slice(0, 40)}” is not a token id: use decimal digits, or 5-12 for a range.`;
  const from = BigInt(first);
  const to = last === undefined ? from : BigInt(last);
  if (to < from) return `“${part}” ends before it begins.`;
  if (to > MAX_UINT256) return `“${shortId(to.toString())}” is larger than any token id.`;
  return { from, to };
}

const partsOf = (text: string) => text.split(/[\s,;]+/).filter(Boolean);

/** Ranges of ids as a person types them: `1-5000, 7`. Returns a sentence if they are none, or too many. */
export function parseRuns(text: string, max: number): IdRun[] | string {
  const runs: IdRun[] = [];
  for (const part of partsOf(text)) {
    const run = parseRun(part);
    if (typeof run === 'string') return run;
    runs.push({ from: run.from.toString(), to: run.to.toString() });
  }
  if (runs.length === 0) return 'Type at least one range, such as 1-5000.';
  return runs.length > max ? `These are ${runs.length} ranges, and ${max} are allowed.` : runs;
}

/** Ids as a person types them: `1, 2 5-9`. Returns a sentence if they are none, or too many. */
export function parseTokenIds(text: string, max: number): string[] | string {
  const ids = new Set<string>();
  for (const part of partsOf(text)) {
    const run = parseRun(part);
    if (typeof run === 'string') return run;
    const { from, to } = run;
    if (to - from >= BigInt(max)) return `These are more than ${max} tokens.`;
    for (let id = from; id <= to; id++) ids.add(id.toString());
  }
  if (ids.size === 0) return 'Type at least one token id.';
  return ids.size > max ? `These are ${ids.size} tokens, and ${max} are allowed.` : [...ids];
}
