import type { Backfill, CollectionWatch, WatchChange } from '@app/chain-events';
import { InvalidArgumentError, type Command } from 'commander';
import { parseWholeNumber } from './option-values.js';

export interface WatchOptions {
  /** false: `--no-events`. */
  events?: boolean;
  discover?: string;
  contractRefreshesTokens?: boolean;
  /** undefined: the option is absent; `never`: not by age. */
  refreshEvery?: number | 'never';
  /** A block. */
  backfillFrom?: number;
}

export function watchOptions(command: Command): Command {
  return command
    .option('--events', 'refresh its tokens when its contract emits an event; needs CHAIN_EVENTS and RPC_URLS')
    .option('--no-events', 'ignore its events')
    .option(
      '--discover <what>',
      '"mints" registers the tokens that its contract mints, and fetches them; "none" does not',
    )
    .option('--contract-refreshes-tokens', 'refresh all tokens when the contract announces new metadata of its own')
    .option('--no-contract-refreshes-tokens', 'then refresh only the record of the collection')
    .option(
      '--backfill-from <block>',
      'register what its contract has minted since this block, in the background; needs --discover mints',
      parseWholeNumber,
    )
    .option('--refresh-every <time>', 'refresh tokens by age, such as 12h or 7d; or "never"', parseInterval);
}

/** undefined without an option. Throws an Error for options that contradict each other. */
export function watchChangeOf(options: WatchOptions): WatchChange | undefined {
  const { events, discover, contractRefreshesTokens, refreshEvery } = options;
  const given = [events, discover, contractRefreshesTokens, refreshEvery];
  if (given.every((value) => value === undefined)) return undefined;
  if (discover !== undefined && discover !== 'mints' && discover !== 'none') {
    throw new Error(`--discover must be "mints" or "none"; it is ${JSON.stringify(discover)}.`);
  }
  if (events === false && discover === 'mints') throw new Error('--discover mints needs --events.');
  return {
    events,
    // Without events, nothing is discovered.
    discover: events === false ? 'none' : discover,
    contractRefreshesTokens,
    refreshEverySeconds: refreshEvery === 'never' ? null : refreshEvery,
  };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, d: 86_400 };

/** In seconds. */
function parseInterval(text: string): number | 'never' {
  if (text === 'never') return text;
  const [, amount, unit] = /^([1-9][0-9]{0,3})([hd])$/.exec(text) ?? [];
  const seconds = Number(amount) * UNIT_SECONDS[unit ?? '']!;
  if (!(seconds <= 90 * 86_400))
    throw new InvalidArgumentError('It must be "never", or a number of hours or days, 1h to 90d.');
  return seconds;
}

export function toWatchLine({ events, discover, contractRefreshesTokens, refreshEverySeconds }: CollectionWatch) {
  return {
    events,
    discover,
    contract_refreshes_tokens: contractRefreshesTokens,
    refresh_every_seconds: refreshEverySeconds,
  };
}

/** How far its past mints are registered. Empty without a backfill. */
export function toBackfillLine(backfill: Backfill | null) {
  return backfill === null
    ? {}
    : {
        backfill_from: backfill.fromBlock,
        backfill_next: backfill.nextBlock,
        backfill_until: backfill.untilBlock,
        backfill_tokens: backfill.tokens,
        backfill_finished_at: backfill.finishedAt?.toISOString() ?? null,
        backfill_error: backfill.lastError,
      };
}
