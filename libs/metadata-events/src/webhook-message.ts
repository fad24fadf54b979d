import { randomUUID } from 'node:crypto';
import { toChangeObject, toFieldNames } from '@app/token-store';
import type {
  CollectionMetadataChanged,
  MetadataEvent,
  RefreshCompleted,
  RevealBlocked,
  RevealPublished,
  RevealReverted,
  TokenMetadataChanged,
} from './metadata-event.js';

export interface WebhookMessage {
  /** Derived from its first event, so that it is the same at every attempt. */
  id: string;
  type: MetadataEvent['type'] | typeof TEST_MESSAGE_TYPE;
  /** Number of events in it: the first ones of those given. */
  count: number;
  body: string;
}

/** The type of the message that is sent on request, to test a receiver. It carries no event. */
export const TEST_MESSAGE_TYPE = 'webhook.test';

export function testMessage(webhookId: string, at: Date): WebhookMessage {
  const body = JSON.stringify({ type: TEST_MESSAGE_TYPE, timestamp: at, data: { webhook_id: webhookId } });
  return { id: `msg_${randomUUID()}`, type: TEST_MESSAGE_TYPE, count: 0, body };
}

/** What a message calls the list of its events. */
const LISTS: Readonly<Record<MetadataEvent['type'], string>> = {
  'token.metadata.changed': 'changes',
  'refresh.completed': 'refreshes',
  'collection.metadata.changed': 'collections',
  'reveal.published': 'reveals',
  'reveal.reverted': 'reveals',
  'reveal.blocked': 'reveals',
};

/**
 * Puts the first of these events into one message: those of one type and one transaction that fit. The content of an id
 * never changes, also when the message is sent again: a receiver may drop a message whose id it knows.
 */
export function toMessage(events: readonly MetadataEvent[], maxBytes: number): WebhookMessage {
  const first = events[0]!;
  const list = LISTS[first.type];
  const start = JSON.stringify({ type: first.type, timestamp: first.occurredAt, data: { [list]: [] } }).slice(0, -3);

  const parts: string[] = [];
  let bytes = Buffer.byteLength(start) + 3;
  for (const event of events) {
    const part = JSON.stringify(toWire(event));
    bytes += Buffer.byteLength(part) + 1;
    if (!belongTogether(first, event) || (parts.length > 0 && bytes > maxBytes)) break;
    parts.push(part);
  }
  return { id: `msg_${first.id}`, type: first.type, count: parts.length, body: `${start}${parts.join(',')}]}}` };
}

function belongTogether(one: MetadataEvent, other: MetadataEvent): boolean {
  const transactionOf = ({ id }: MetadataEvent) => id.slice(0, id.indexOf('-'));
  return one.type === other.type && transactionOf(one) === transactionOf(other);
}

function toWire(event: MetadataEvent): object {
  switch (event.type) {
    case 'token.metadata.changed':
      return toChange(event);
    case 'refresh.completed':
      return toRefresh(event);
    case 'reveal.published':
      return toPublication(event);
    case 'reveal.reverted':
      return toReversion(event);
    case 'reveal.blocked':
      return toBlock(event);
    case 'collection.metadata.changed':
      return toCollection(event);
  }
}

function toChange(event: TokenMetadataChanged) {
  return {
    event_id: event.id,
    chain_id: event.chainId,
    collection_address: event.collectionAddress,
    token_id: event.tokenId,
    source: event.source,
    ...toChangeObject(event),
    refresh_ids: event.refreshIds,
    changed_at: event.occurredAt,
  };
}

function toCollection(event: CollectionMetadataChanged) {
  return {
    event_id: event.id,
    chain_id: event.chainId,
    collection_address: event.collectionAddress,
    source: event.source,
    changed_fields: toFieldNames(event.changedFields),
    changed_at: event.occurredAt,
  };
}

function toRefresh(event: RefreshCompleted) {
  return {
    event_id: event.id,
    refresh_id: event.refreshId,
    chain_id: event.chainId,
    collection_address: event.collectionAddress,
    total: event.total,
    succeeded: event.succeeded,
    failed: event.failed,
    cancelled: event.cancelled,
    verdicts: event.verdicts,
    trigger: event.trigger,
    completed_at: event.occurredAt,
  };
}

function toReveal(event: RevealPublished | RevealReverted | RevealBlocked) {
  return {
    event_id: event.id,
    reveal_id: event.revealId,
    refresh_id: event.refreshId,
    chain_id: event.chainId,
    collection_address: event.collectionAddress,
    total: event.total,
    staged: event.staged,
  };
}

function toPublication(event: RevealPublished) {
  const { updated, unchanged, superseded, missing } = event;
  return { ...toReveal(event), updated, unchanged, superseded, missing, published_at: event.occurredAt };
}

function toReversion(event: RevealReverted) {
  return {
    ...toReveal(event),
    revert_refresh_id: event.revertRefreshId,
    restored: event.restored,
    changed_since: event.changedSince,
    no_earlier_version: event.noEarlierVersion,
    not_kept: event.notKept,
    missing: event.missing,
    reverted_at: event.occurredAt,
  };
}

function toBlock(event: RevealBlocked) {
  const { failed, pending, minSucceeded, reason } = event;
  return { ...toReveal(event), failed, pending, min_succeeded: minSucceeded, reason, blocked_at: event.occurredAt };
}
