import { StagingStore, type StagedDocument } from '@app/token-store';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { ItemResult } from '../completion/item-result.js';
import { countStaged, findOpenReveals } from './open-reveals.js';

/** What became of the documents of a batch. */
export interface StagedBatch {
  /** How many tokens of each reveal have a document now that had none before. */
  counts: ReadonlyMap<string, number>;
  /** Reveals that have taken their documents. Those of all others were dropped: they were cancelled, have expired or are published. */
  open: ReadonlySet<string>;
}

/** Stages what was fetched for reveals, as a part of the completion. Records, traits, counts and events do not change. */
@Injectable()
export class RevealStaging {
  constructor(private readonly store: StagingStore) {}

  /** Outside of the transaction. Returns the documents that it is to stage. */
  async prepare(results: readonly ItemResult[]): Promise<StagedDocument[]> {
    const documents = [...new Map(results.flatMap(toDocument).map((document) => [keyOf(document), document])).values()];
    await this.store.prepare(documents);
    return documents;
  }

  async stage(em: EntityManager, documents: readonly StagedDocument[]): Promise<StagedBatch> {
    if (documents.length === 0) return { counts: new Map(), open: new Set() };
    const open = await findOpenReveals(
      em,
      documents.map(({ revealId }) => revealId),
    );
    const counts = await this.store.stage(
      em,
      documents.filter(({ revealId }) => open.has(revealId)),
    );
    return { counts, open };
  }

  /** Late in the transaction, because all batches of a reveal lock its row. */
  count(em: EntityManager, { counts }: StagedBatch): Promise<void> {
    return countStaged(em, counts);
  }
}

/** The type of metadata-fetch has to fit that of token-store; the compiler checks it here. */
function toDocument(result: ItemResult): StagedDocument[] {
  const { token, status } = result;
  if (token.revealId === undefined || status !== 'succeeded' || result.metadata === null) return [];
  return [
    {
      revealId: token.revealId,
      collectionId: token.collectionId,
      tokenId: token.tokenId,
      fetchSeq: token.fetchSeq,
      refreshId: token.items[0]!.refreshId,
      metadata: result.metadata,
      metadataUrl: result.url,
      metadataSource: token.source.kind,
      etag: result.validators.etag,
      lastModified: result.validators.lastModified,
    },
  ];
}

/** Several items of a token share a document. */
function keyOf({ revealId, tokenId, fetchSeq }: StagedDocument): string {
  return `${revealId}/${tokenId}/${fetchSeq}`;
}
