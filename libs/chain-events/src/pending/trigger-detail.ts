import type { EventTriggerDetail } from '@app/metadata-refresh';
import type { EventSource } from './pending-events.js';

/** An event with the tokens that it has named. */
export interface NamedTokens extends EventSource {
  fromId: string;
  toId: string;
}

/** Each event once, with all of its tokens. */
export function triggerDetailOf(chainId: number, named: readonly NamedTokens[]): EventTriggerDetail {
  const events = new Map<string, EventTriggerDetail['events'][number]>();
  for (const { kind, transactionHash, blockNumber, logIndex, fromId, toId } of named) {
    const key = `${transactionHash} ${logIndex} ${blockNumber} ${kind}`;
    const event = events.get(key) ?? { kind, transactionHash, blockNumber, logIndex, tokens: [] };
    events.set(key, event);
    event.tokens.push([fromId, toId]);
  }
  const inOrder = [...events.values()].toSorted(
    (one, other) => one.blockNumber - other.blockNumber || (one.logIndex ?? 0) - (other.logIndex ?? 0),
  );
  return { chainId, events: inOrder };
}
