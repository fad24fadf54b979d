import {
  MetadataRefreshService,
  Refreshes,
  SelectionEmpty,
  SelectionTooLarge,
  SourceNotSupported,
} from '@app/metadata-refresh';
import {
  Collections,
  normalizeSelection,
  TokenStore,
  type Collection,
  type TokenIdPage,
  type TokenSelection,
} from '@app/token-store';
import { inTransaction } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import {
  ClaimLost,
  EventClaims,
  type Claimed,
  type DueCollection,
  type DueRange,
  type DueToken,
} from './event-claims.js';
import { PendingEvents } from './pending-events.js';
import { triggerDetailOf } from './trigger-detail.js';

/** Tokens of one refresh, and of ranges that are refreshed like single tokens. */
const MAX_TOKENS = 1000;
/** In milliseconds. */
const DELETE_INTERVAL_MS = 30_000;

/**
 * Requests refreshes for due events: for each collection one refresh of the tokens that events have named, and one of ranges with
 * many tokens. A collection whose request fails does not hold up the others.
 */
@Injectable()
export class EventDrain {
  private readonly logger = new ModuleLogger('ChainEvents');
  private deletedAt = -Infinity;

  constructor(
    private readonly em: EntityManager,
    private readonly claims: EventClaims,
    private readonly pending: PendingEvents,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly refreshes: MetadataRefreshService,
    private readonly allRefreshes: Refreshes,
  ) {}

  /** Until nothing is due. Throws the first of the database errors, after all collections had their turn. */
  async run(signal?: AbortSignal): Promise<void> {
    if (performance.now() - this.deletedAt > DELETE_INTERVAL_MS) {
      await this.claims.deleteObsolete();
      this.deletedAt = performance.now();
    }
    for (let due = await this.claims.findDue(); due.length > 0; due = await this.claims.findDue()) {
      let claimed = 0;
      const failures: unknown[] = [];
      for (const one of due) {
        if (signal?.aborted) return;
        try {
          claimed += await this.drainCollection(one);
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
      // Another process is at work on the rest.
      if (claimed === 0) return;
    }
  }

  /** Returns how many rows were claimed. */
  private async drainCollection({ collectionId, allowance, hasTokens, hasRanges }: DueCollection): Promise<number> {
    const collection = await this.collections.find(collectionId);
    if (!collection) return 0;
    let claimed = 0;
    try {
      if (hasRanges) {
        const ranges = await this.claims.claimRanges(collectionId);
        claimed += ranges.rows.length;
        if (ranges.rows.length > 0) await this.refreshRanges(collection, ranges);
      }
      if (hasTokens) {
        const tokens = await this.claims.claimTokens(collectionId, Math.min(MAX_TOKENS, allowance));
        claimed += tokens.rows.length;
        if (tokens.rows.length > 0) await this.refreshTokens(collection, tokens);
      }
    } catch (error) {
      // The claim expires, and the tokens are due again.
      if (!(error instanceof ClaimLost)) throw error;
    }
    return claimed;
  }

  private async refreshTokens(collection: Collection, { claim, rows }: Claimed<DueToken>): Promise<void> {
    const { id: collectionId } = collection;
    const unneeded = await this.findUnneeded(collectionId, rows);
    const isNeeded = ({ tokenId }: DueToken) => !unneeded.has(tokenId);
    const wanted = rows.filter(isNeeded);
    await this.claims.dropTokens(
      collectionId,
      claim,
      rows.filter((row) => !isNeeded(row)),
    );
    if (wanted.length === 0) return;
    const tokenIds = wanted.map(({ tokenId }) => tokenId);
    const events = wanted.map((token) => ({ ...token, fromId: token.tokenId, toId: token.tokenId }));
    try {
      await this.refreshes.requestSelection(collection, {
        tokenIds,
        trigger: 'event',
        triggerDetail: triggerDetailOf(collection.chainId, events),
        admit: async (em) => {
          await this.claims.finishTokens(em, collectionId, claim, tokenIds);
          await this.claims.count(em, collectionId, { tokens: tokenIds.length, isSelection: false });
        },
      });
    } catch (error) {
      if (!(error instanceof SourceNotSupported)) throw error;
      this.logRefused(collection, error);
      await this.claims.dropTokens(collectionId, claim, wanted);
    }
  }

  /** Tokens that are no longer registered, burned tokens, and mints that were fetched meanwhile. */
  private async findUnneeded(collectionId: string, rows: readonly DueToken[]): Promise<Set<string>> {
    const ids = rows.map(({ tokenId }) => tokenId);
    const unneeded = new Set(await this.tokens.findUnknown(this.em.fork(), collectionId, ids));
    for (const tokenId of await this.tokens.findBurned(collectionId, ids)) unneeded.add(tokenId);
    const young = rows.filter(({ isYoung, hasNewEvent }) => isYoung && !hasNewEvent);
    if (young.length === 0) return unneeded;
    const records = await this.tokens.findTokens(young.map(({ tokenId }) => ({ collectionId, tokenId })));
    for (const { tokenId, metadataStatus } of records) if (metadataStatus === 'ok') unneeded.add(tokenId);
    return unneeded;
  }

  private async refreshRanges(collection: Collection, claimed: Claimed<DueRange>): Promise<void> {
    const { id: collectionId } = collection;
    const { claim, rows } = claimed;
    const ranges = rows.map(({ fromId, toId }) => ({ from: fromId, to: toId }));
    const selection = { ranges, exceptBurned: true };
    if (!(await this.areMany(collectionId, selection))) return this.refreshEach(collection, claimed);
    if (await this.hasToWait(collectionId)) return this.claims.postponeRanges(collectionId, claim);
    const count = await this.tokens.countSelected(collectionId, normalizeSelection(selection));
    try {
      const { refreshId } = await this.refreshes.requestSelection(collection, {
        selection,
        trigger: 'event',
        triggerDetail: triggerDetailOf(collection.chainId, rows),
        admit: async (em) => {
          await this.claims.finishRanges(em, collectionId, claimed);
          await this.claims.count(em, collectionId, { tokens: count, isSelection: true });
        },
      });
      await this.claims.saveLastSelection(collectionId, refreshId);
    } catch (error) {
      const isRefused =
        error instanceof SelectionEmpty || error instanceof SelectionTooLarge || error instanceof SourceNotSupported;
      if (!isRefused) throw error;
      this.logRefused(collection, error);
      await inTransaction(this.em, (em) => this.claims.finishRanges(em, collectionId, claimed));
    }
  }

  /** Ranges that wait are looked at again and again, so the tokens of a large collection are not counted for that. */
  private async areMany(collectionId: string, selection: TokenSelection): Promise<boolean> {
    let count = 0;
    for await (const tokenIds of this.pagesOf(collectionId, selection)) {
      count += tokenIds.length;
      if (count > MAX_TOKENS) return true;
    }
    return false;
  }

  /** Many tokens were refreshed recently, or are still being refreshed, or the hour is used up. */
  private async hasToWait(collectionId: string): Promise<boolean> {
    const last = await this.claims.findLastSelection(collectionId);
    if (!last || last.isTooEarly || last.refreshId === null) return last?.isTooEarly ?? false;
    const [running] = await this.allRefreshes.list({ refreshId: last.refreshId, isPending: true });
    return running !== undefined;
  }

  /** Ranges with few tokens: each waits and coalesces like a token that was named alone. */
  private async refreshEach({ id: collectionId }: Collection, claimed: Claimed<DueRange>): Promise<void> {
    await inTransaction(this.em, async (em) => {
      await this.claims.finishRanges(em, collectionId, claimed);
      for (const { fromId, toId, kind, transactionHash, blockNumber, logIndex } of claimed.rows) {
        const source = { kind, transactionHash, blockNumber, logIndex, collectionId, isYoung: false };
        const selection = { ranges: [{ from: fromId, to: toId }], exceptBurned: true };
        for await (const tokenIds of this.pagesOf(collectionId, selection, em)) {
          await this.pending.addTokens(
            em,
            tokenIds.map((tokenId) => ({ ...source, tokenId })),
            { isSettled: true },
          );
        }
      }
    });
  }

  private async *pagesOf(
    collectionId: string,
    given: TokenSelection,
    em?: EntityManager,
  ): AsyncGenerator<readonly string[], void> {
    const selection = normalizeSelection(given);
    for (let after: string | undefined | null; after !== null;) {
      const page: TokenIdPage = await this.tokens.selectTokens(
        { collectionId, selection, after, limit: MAX_TOKENS + 1 },
        em,
      );
      yield page.tokenIds;
      after = page.next;
    }
  }

  private logRefused({ id: collectionId, address, chainId }: Collection, error: Error): void {
    this.logger.warn({
      msg: 'collection cannot be refreshed; its events are ignored',
      collectionId,
      address,
      chainId,
      error: error.message,
    });
  }
}
