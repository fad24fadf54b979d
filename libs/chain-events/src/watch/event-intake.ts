import { CollectionRecords } from '@app/metadata-refresh';
import { CollectionFull, TokenStore, UnknownCollection } from '@app/token-store';
import type { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from '../chain-events.options.js';
import { ALL_TOKENS, type IdRange } from '../log/chain-event.js';
import { PendingEvents, type EventRange, type EventSource, type EventToken } from '../pending/pending-events.js';
import type { WatchedCollection } from '../watched-collections.js';
import type { LoggedEvent } from './chain-logs.js';

/** Tokens of one mint or burn. A larger range names more tokens than anybody will fetch. */
const MAX_TRANSFERRED = 10_000;
const REGISTER_BATCH_SIZE = 10_000;

/** An event of a watched collection. */
export interface CollectionEvent {
  collection: WatchedCollection;
  event: LoggedEvent;
  /** It was read before, and a reorganisation has removed it from the chain: its tokens are checked again. */
  hasVanished: boolean;
  /** The tokens that it mints or burns. Empty for other events, and if they are too many. */
  transferred: readonly bigint[];
}

/** Turns events into tokens that wait for their refresh. */
@Injectable()
export class EventIntake {
  private readonly logger = new ModuleLogger('ChainEvents');

  constructor(
    private readonly tokens: TokenStore,
    private readonly pending: PendingEvents,
    private readonly records: CollectionRecords,
    @Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig,
  ) {}

  /** With the tokens that it mints or burns. */
  toCollectionEvent(collection: WatchedCollection, event: LoggedEvent, hasVanished: boolean): CollectionEvent {
    return { collection, event, hasVanished, transferred: this.transferredBy(collection, event) };
  }

  /** Registers tokens that were minted. Outside of a transaction: it can be repeated. Returns how many were not registered before. */
  async registerMints(events: readonly CollectionEvent[]): Promise<{ registered: number; isFull: boolean }> {
    const minted = new Map<string, Set<string>>();
    for (const { collection, event, hasVanished, transferred } of events) {
      if (event.effect !== 'mint' || hasVanished || collection.discover !== 'mints') continue;
      const ids = minted.get(collection.collectionId) ?? new Set();
      minted.set(collection.collectionId, ids);
      for (const id of transferred) ids.add(String(id));
    }
    const total = { registered: 0, isFull: false };
    for (const [collectionId, ids] of minted) {
      const { registered, isFull } = await this.register(collectionId, [...ids]);
      total.registered += registered;
      total.isFull ||= isFull;
    }
    return total;
  }

  /** Saves what the events ask for, in the caller's transaction. */
  async save(em: EntityManager, events: readonly CollectionEvent[]): Promise<void> {
    const ranges: EventRange[] = [];
    const tokens: EventToken[] = [];
    for (const one of events) {
      const { collection, event, hasVanished } = one;
      const { collectionId } = collection;
      const source = sourceOf(event);
      for (const range of rangesOf(one)) {
        if (range.from === range.to) {
          const isYoung = event.effect === 'mint' && !hasVanished;
          tokens.push({ ...source, collectionId, tokenId: String(range.from), isYoung });
        } else {
          ranges.push({ ...source, collectionId, fromId: String(range.from), toId: String(range.to) });
        }
      }
    }
    await this.saveBurns(em, events);
    const announced = events.filter(({ event }) => event.effect === 'contract' || event.effect === 'owner');
    await this.records.requestAll(
      em,
      announced.map(({ collection }) => collection.collectionId),
      this.config.settleSeconds,
    );
    await this.pending.addTokens(em, await this.registered(em, tokens));
    await this.pending.addRanges(em, ranges);
  }

  /** What the last event says of each token: a token may be minted again, and a burn may be in a block that the chain drops. */
  async saveBurns(em: EntityManager, events: readonly CollectionEvent[]): Promise<void> {
    const byCollection = new Map<string, Map<string, boolean>>();
    for (const { collection, event, hasVanished, transferred } of events) {
      if (event.effect !== 'burn' && event.effect !== 'mint') continue;
      const burned = byCollection.get(collection.collectionId) ?? new Map<string, boolean>();
      byCollection.set(collection.collectionId, burned);
      const isBurned = event.effect === 'burn' && !hasVanished;
      for (const tokenId of transferred) burned.set(String(tokenId), isBurned);
    }
    for (const [collectionId, burned] of byCollection) {
      const idsWhere = (isBurned: boolean) =>
        [...burned].filter(([, value]) => value === isBurned).map(([tokenId]) => tokenId);
      await this.tokens.setBurned(em, collectionId, idsWhere(true), true);
      await this.tokens.setBurned(em, collectionId, idsWhere(false), false);
    }
  }

  /** Without those that are not registered: they are nobody's concern, and a contract can name any. */
  private async registered(em: EntityManager, tokens: readonly EventToken[]): Promise<EventToken[]> {
    const byCollection = Map.groupBy(tokens, ({ collectionId }) => collectionId);
    const registered: EventToken[] = [];
    for (const [collectionId, ofCollection] of byCollection) {
      const ids = [...new Set(ofCollection.map(({ tokenId }) => tokenId))];
      const unknown = new Set(await this.tokens.findUnknown(em, collectionId, ids));
      registered.push(...ofCollection.filter(({ tokenId }) => !unknown.has(tokenId)));
    }
    return registered;
  }

  private async register(
    collectionId: string,
    tokenIds: readonly string[],
  ): Promise<{ registered: number; isFull: boolean }> {
    const limit = { collectionTokens: this.config.discoveredTokensPerCollection };
    let registered = 0;
    try {
      for (let at = 0; at < tokenIds.length; at += REGISTER_BATCH_SIZE) {
        const batch = tokenIds.slice(at, at + REGISTER_BATCH_SIZE);
        registered += await this.tokens.registerTokens(collectionId, batch, limit);
      }
      return { registered, isFull: false };
    } catch (error) {
      // It is being removed.
      if (error instanceof UnknownCollection) return { registered, isFull: false };
      if (!(error instanceof CollectionFull)) throw error;
      this.logger.warn({
        msg: 'mints not registered; the collection is full',
        collectionId,
        tokens: tokenIds.length,
        limit: limit.collectionTokens,
      });
      return { registered, isFull: true };
    }
  }

  private transferredBy({ address }: WatchedCollection, event: LoggedEvent): bigint[] {
    if (event.effect !== 'mint' && event.effect !== 'burn') return [];
    const count = event.tokens.reduce((sum, { from, to }) => sum + (to - from + 1n), 0n);
    if (count <= BigInt(MAX_TRANSFERRED)) return event.tokens.flatMap(idsOf);
    const { transactionHash, logIndex } = event;
    this.logger.warn({
      msg: 'transfer ignored; it has too many tokens',
      address,
      tokens: String(count),
      transactionHash,
      logIndex,
    });
    return [];
  }
}

function idsOf({ from, to }: IdRange): bigint[] {
  return Array.from({ length: Number(to - from) + 1 }, (_, index) => from + BigInt(index));
}

/** The tokens to refresh. */
function rangesOf({ collection, event, hasVanished, transferred }: CollectionEvent): readonly IdRange[] {
  const each = () => transferred.map((tokenId) => ({ from: tokenId, to: tokenId }));
  switch (event.effect) {
    case 'refresh':
      return event.tokens;
    case 'mint':
      return collection.discover === 'mints' ? each() : [];
    case 'contract':
      return collection.contractRefreshesTokens ? [ALL_TOKENS] : [];
    case 'burn':
      return hasVanished ? each() : [];
    case 'owner':
    case 'undecodable':
      return [];
  }
}

function sourceOf({ kind, transactionHash, blockNumber, logIndex }: LoggedEvent): EventSource {
  return { kind, transactionHash, blockNumber, logIndex };
}
