import type { Command } from 'commander';
import { withJson } from './option-values.js';
import type { Session } from './session.js';

export function addChainCommands(chain: Command, session: Session): void {
  withJson(chain.command('status').description('show how far the events of each chain have been read')).action(
    async () => {
      const statuses = await (await session.get('chains')).list();
      session.printList(
        'chains',
        statuses.map((status) => ({
          chain_id: status.chainId,
          state: status.state,
          collections: status.collections,
          head_block: status.headBlock,
          read_block: status.readBlock,
          read_at: status.readAt?.toISOString() ?? null,
          blocks_per_call: status.blocksPerCall,
          failing_since: status.failingSince?.toISOString() ?? null,
          last_error: status.lastError,
          waiting_tokens: status.waitingTokens,
          waiting_ranges: status.waitingRanges,
          backfills: status.backfills,
        })),
      );
    },
  );
}
