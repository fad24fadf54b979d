import type { EntityManager } from '@mikro-orm/postgresql';
import {
  TokenStore,
  VersionStore,
  type FailureWrite,
  type MetadataChange,
  type MetadataWrite,
  type TokenReference,
} from '@app/token-store';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { EventOutbox, type RecordedChange } from '../event-outbox.js';
import type { ItemResult } from './item-result.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { writeRecords, type Written } from './written-records.js';

type Succeeded = Extract<ItemResult, { status: 'succeeded' }>;
type Failed = Extract<ItemResult, { status: 'failed' }>;
type Held = Extract<ItemResult, { status: 'held' }>;

/** What a batch writes to token records, made ready before its transaction. */
export interface PreparedRecords {
  results: readonly ItemResult[];
  succeeded: readonly OfOneFetch<Succeeded>[];
  writes: readonly MetadataWrite[];
}

/** Writes the token records of a batch, each once for all refreshes that wait for its fetch. */
@Injectable()
export class RecordWrites {
  constructor(
    private readonly tokens: TokenStore,
    private readonly versions: VersionStore,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** Before the transaction begins. */
  async prepare(results: readonly ItemResult[]): Promise<PreparedRecords> {
    const succeeded = byFetch(results.filter((result): result is Succeeded => result.status === 'succeeded'));
    const writes = succeeded.map(([result]) => toMetadataWrite(result));
    await this.tokens.prepareWrites(writes);
    return { results, succeeded, writes };
  }

  /** Returns how the write of each token ended, with an outbox the changes, and work of the store that is to be done late. */
  async write(
    em: EntityManager,
    { results, succeeded, writes }: PreparedRecords,
  ): Promise<{
    written: Map<ItemResult['token'], Written>;
    changes: RecordedChange[];
    late: (() => Promise<void>)[];
  }> {
    const failed = byFetch(results.filter((result): result is Failed => result.status === 'failed'));
    const held = byFetch(results.filter((result): result is Held => result.status === 'held'));

    // All kinds lock token records: in one common order, or two batches could deadlock.
    if ([succeeded, failed, held].filter(({ length }) => length > 0).length > 1) {
      await this.tokens.lockTokens(
        em,
        [...succeeded, ...failed, ...held].map(([{ token }]) => token),
      );
    }
    const late: (() => Promise<void>)[] = [];
    const { tokens, config, outbox } = this;
    const { written, changes } = await writeRecords(em, { tokens, config, outbox }, writes, {
      defer: (work) => void late.push(work),
    });
    // A fetch may be written in parts: count its failure once, with its first item.
    const first = failed.filter((same) => same.some(({ item, token }) => item === token.items[0]));
    await this.tokens.recordFailures(
      em,
      first.map(([result]) => toFailureWrite(result)),
    );
    const effective = succeeded.filter((_, index) => written[index]!.result === 'changed');
    const writtenByToken = new Map(succeeded.map(([{ token }], index) => [token, written[index]!]));
    for (const [{ token }] of held)
      writtenByToken.set(token, { result: 'held', version: token.metadataVersion ?? null });
    await this.requestAfterHold(em, writtenByToken);
    return {
      written: writtenByToken,
      changes: withRefreshes(changes, effective),
      late,
    };
  }

  /** Whose hold has ended meanwhile is due again at once, like a response about another version. */
  private async requestAfterHold(em: EntityManager, written: Map<ItemResult['token'], Written>): Promise<void> {
    const held = [...written].flatMap(([token, { result }]) => (result === 'held' ? [token] : []));
    if (held.length === 0) return;
    const stillHeld = new Set((await this.versions.requestAfterHold(em, held)).map(keyOf));
    for (const token of held) {
      if (!stillHeld.has(keyOf(token))) written.set(token, { result: 'outdated', version: null });
    }
  }
}

type OfOneFetch<Result> = [Result, ...Result[]];

/** Groups the results of each fetch: the record is written once for all of its items. */
function byFetch<Result extends ItemResult>(results: readonly Result[]): OfOneFetch<Result>[] {
  const fetches = new Map<ItemResult['token'], OfOneFetch<Result>>();
  for (const result of results) {
    const known = fetches.get(result.token);
    if (known) known.push(result);
    else fetches.set(result.token, [result]);
  }
  return [...fetches.values()];
}

/** Adds the refreshes that waited for each change. */
function withRefreshes(
  changes: readonly MetadataChange[],
  fetches: readonly OfOneFetch<Succeeded>[],
): RecordedChange[] {
  const refreshIds = new Map(fetches.map((same) => [keyOf(same[0].token), same.map(({ item }) => item.refreshId)]));
  return changes.map((change) => ({ ...change, refreshIds: refreshIds.get(keyOf(change)) ?? [] }));
}

function keyOf({ collectionId, tokenId }: TokenReference): string {
  return `${collectionId}/${tokenId}`;
}

function toMetadataWrite({ token, url, metadata, validators }: Succeeded): MetadataWrite {
  return {
    collectionId: token.collectionId,
    tokenId: token.tokenId,
    fetchSeq: token.fetchSeq,
    // The type of metadata-fetch has to fit that of token-store; the compiler checks it here.
    metadata,
    metadataUrl: url,
    metadataSource: token.source.kind,
    etag: validators.etag,
    lastModified: validators.lastModified,
    // Not that of the result: a fetch may be written in parts, and the source is that of the newest refresh.
    refreshId: token.items[0]!.refreshId,
    trigger: token.items[0]!.trigger,
    known: token.known,
  };
}

function toFailureWrite({ item, token, error }: Failed): FailureWrite {
  return {
    collectionId: token.collectionId,
    tokenId: token.tokenId,
    fetchSeq: token.fetchSeq,
    errorCode: error.errorCode,
    errorReason: error.reason,
    refreshId: item.refreshId,
  };
}
