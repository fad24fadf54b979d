import type { WantedTokens } from '@app/metadata-refresh';
import { normalizeSelection, SELECTABLE_STATUSES, type SelectableStatus, type TokenRange } from '@app/token-store';
import { InvalidArgumentError, type Command } from 'commander';
import { parseAge, parseTime } from './option-values.js';
import { idsOf, parseTokenRanges } from './token-ids.js';

/** The options that say which tokens of a collection a refresh or a reveal has. */
export interface SelectionOptions {
  tokens?: string;
  all?: boolean;
  status?: SelectableStatus[];
  olderThan?: Date;
  notRefreshedSince?: Date;
}

/** A list with more ids becomes ranges. */
const LIST_LIMIT = 1000;
/** The most ranges of one refresh. */
const MAX_RANGES = 100;

export function withSelectionOptions(command: Command): Command {
  return command
    .option('--tokens <list>', 'token ids, such as 1-1000,5000; of more than 1,000, only registered ones count')
    .option('--all', 'all registered tokens')
    .option('--status <list>', `with --all: only tokens that are ${SELECTABLE_STATUSES.join(', ')}`, parseStatuses)
    .option(
      '--older-than <age>',
      'with --all: only tokens without a successful fetch for this long, such as 7d',
      parseAge,
    )
    .option('--not-refreshed-since <time>', 'the same since a time, such as 2026-11-01T00:00:00Z', parseTime);
}

/** One request for each refresh: only a long list with many gaps needs several. */
export function wantedTokens({
  tokens,
  all,
  status,
  olderThan,
  notRefreshedSince: since,
}: SelectionOptions): WantedTokens[] {
  if ((tokens === undefined) === (all !== true))
    throw new Error('Name the tokens: either --tokens 1-1000,5000 or --all.');
  if (olderThan && since) throw new Error('Give an age or a time: either --older-than or --not-refreshed-since.');
  const notRefreshedSince = olderThan ?? since;
  if (tokens === undefined) {
    return [{ selection: { all: true, ...(status && { status }), ...(notRefreshedSince && { notRefreshedSince }) } }];
  }
  if (status || notRefreshedSince)
    throw new Error('--status, --older-than and --not-refreshed-since narrow --all; they do not narrow --tokens.');
  const ranges = parseTokenRanges(tokens);
  if (countOf(ranges) <= LIST_LIMIT) return [{ tokenIds: idsOf(ranges) }];
  if (ranges.length <= MAX_RANGES) return [{ selection: normalizeSelection({ ranges }) }];
  return inBatches(idsOf(ranges)).map((tokenIds) => ({ tokenIds }));
}

function countOf(ranges: readonly TokenRange[]): bigint {
  return ranges.reduce((sum, { from, to }) => sum + BigInt(to) - BigInt(from) + 1n, 0n);
}

function inBatches(tokenIds: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(tokenIds.length / LIST_LIMIT) }, (_, index) =>
    tokenIds.slice(index * LIST_LIMIT, (index + 1) * LIST_LIMIT),
  );
}

function parseStatuses(text: string): SelectableStatus[] {
  const statuses = text.split(',').map((status) => status.trim());
  const known: readonly string[] = SELECTABLE_STATUSES;
  const wrong = statuses.find((status) => !known.includes(status));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(`${JSON.stringify(wrong)} is not one of ${SELECTABLE_STATUSES.join(', ')}.`);
  }
  return statuses as SelectableStatus[];
}
