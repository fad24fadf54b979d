import type { CollectionWatch, WatchChange } from '@app/chain-events';
import type { Command } from 'commander';

export interface WatchOptions {
  /** false: `--no-events`. */
  events?: boolean;
  discover?: string;
  contractRefreshesTokens?: boolean;
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
    .option('--no-contract-refreshes-tokens', 'do not');
}

/** undefined without an option. Throws an Error for options that contradict each other. */
export function watchChangeOf({ events, discover, contractRefreshesTokens }: WatchOptions): WatchChange | undefined {
  if (events === undefined && discover === undefined && contractRefreshesTokens === undefined) return undefined;
  if (discover !== undefined && discover !== 'mints' && discover !== 'none') {
    throw new Error(`--discover must be "mints" or "none"; it is ${JSON.stringify(discover)}.`);
  }
  if (events === false && discover === 'mints') throw new Error('--discover mints needs --events.');
  return {
    events,
    // Without events, nothing is discovered.
    discover: events === false ? 'none' : discover,
    contractRefreshesTokens,
  };
}

export function toWatchLine({ events, discover, contractRefreshesTokens }: CollectionWatch) {
  return { events, discover, contract_refreshes_tokens: contractRefreshesTokens };
}
